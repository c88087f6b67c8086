"""When memory ran out: how torch says so, and what would have fitted."""

from __future__ import annotations

from pathlib import Path

import torch

from medusa_chat.errors import ModelError
from medusa_chat.models.layout import read_config
from medusa_chat.models.memory import LoadPlan, choices
from medusa_chat.models.shape import context_of, shape_of
from medusa_chat.quantities import size
from medusa_chat.settings import Quantization

_OPTIONS: dict[Quantization, str] = {
    "none": "--dtype bfloat16",
    "8bit": "--load-in-8bit",
    "4bit": "--load-in-4bit",
}


def is_out_of_memory(error: Exception) -> bool:
    """Return whether ``error`` says that memory ran out, on a GPU or a CPU."""
    # On a CPU torch raises a plain RuntimeError, from its DefaultCPUAllocator.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def does_not_fit(folder: Path, device: torch.device, quantization: Quantization) -> ModelError:
    """Return what is to be said of a base that found too little memory on ``device``."""
    smaller = _smaller(folder, device, quantization)
    remedy = "Free some, or take a smaller model."
    if smaller:
        remedy = f"Less would do: {', '.join(smaller)}; or take a smaller model."
    return ModelError(f"{folder.name} does not fit in the memory of {device}. {remedy}")


def _smaller(folder: Path, device: torch.device, quantization: Quantization) -> list[str]:
    """Return the options that take less than ``quantization``, each with its size."""
    config = read_config(folder)
    shape = shape_of(config)
    tried = {"none": 32, "8bit": 8, "4bit": 4}[quantization]
    if shape is None:
        return [_OPTIONS[name] for name, bits in (("8bit", 8), ("4bit", 4)) if bits < tried]  # type: ignore[index]
    plan = LoadPlan("cuda" if device.type == "cuda" else "cpu", context_of(config) or 2048)
    return [
        f"{_OPTIONS[choice.quantization]} ({size(choice.footprint.total)})"
        for choice in choices(shape, None, plan)
        if choice.bits < (tried if plan.device == "cpu" else min(tried, 16))
    ]
