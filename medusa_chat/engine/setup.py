"""What the time of a loaded model's steps depends on."""

from __future__ import annotations

from importlib.metadata import version

import torch

from medusa_chat import __version__
from medusa_chat.models.device import USUAL_THREADS
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.step_time_store import Setup
from medusa_chat.processor import processor_name
from medusa_chat.settings import DecodeSettings


def setup_of(model: LoadedModel, settings: DecodeSettings) -> Setup:
    """Return the setup that replies of ``model`` with ``settings`` are measured in."""
    device = model.decoder.forward.device
    name = f"{processor_name()}, up to {USUAL_THREADS} threads"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    drawn = "greedy" if settings.temperature == 0 else "drawn"
    libraries = ["torch", "transformers"]
    if model.settings.quantization in ("8bit", "4bit"):
        libraries.append("bitsandbytes")
    versions = (f"{library} {version(library)}" for library in libraries)
    return Setup(
        model=model.settings.model,
        base=f"{model.base_name}{_size(model)}",
        quantization=f"{model.settings.quantization}, heads {model.settings.head_precision}",
        dtype=model.dtype,
        device=name,
        forward=type(model.decoder.forward).__name__,
        draft=f"{settings.draft}, {drawn}",
        versions=", ".join((f"medusa-chat {__version__}", *versions)),
    )


def _size(model: LoadedModel) -> str:
    """Return what tells a folder's model from one of another size that was there before."""
    config = getattr(model.base, "config", None)
    layers = getattr(config and config.get_text_config(), "num_hidden_layers", None)
    return f", {layers} layers, heads of {model.head_bytes} bytes"
