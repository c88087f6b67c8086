"""Which forward runs the steps that are measured: the one that loading chose, or the other."""

from __future__ import annotations

from typing import Any

from medusa_chat.benchmark.settings import ForwardName
from medusa_chat.benchmark.stock_model import stock_model
from medusa_chat.decoding.launches import launches, whole_step_obstacle
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.step import StockForward
from medusa_chat.errors import UsageError
from medusa_chat.models.loader import LoadedModel
from medusa_chat.settings import MAX_TREE_SIZE


def use_forward(loaded: LoadedModel, name: ForwardName) -> None:
    """Decode by the forward called ``name`` from now on; ``auto`` leaves what loading chose.

    The stock one runs transformers' layers as they are. Raises UsageError where the lean one does
    not fit the model.
    """
    forward = loaded.decoder.forward
    if name == "lean" and forward_name(loaded) != "lean":
        raise UsageError(
            f"--forward lean does not fit {loaded.settings.model}: {loaded.stock_reason}. "
            "Use --forward stock, or leave it out."
        )
    if name == "stock" and forward_name(loaded) != "stock":
        base = stock_model(loaded)
        loaded.decoder.forward = StockForward(base, forward.context_tokens, MAX_TREE_SIZE)
        loaded.decoder.forward.threads = forward.threads
        loaded.decoder.cached.clear()


def forward_name(loaded: LoadedModel) -> ForwardName:
    """Return the name of the forward in use."""
    return "lean" if isinstance(loaded.decoder.forward, LeanForward) else "stock"


def model_words(loaded: LoadedModel) -> str:
    """Return in words how a model is loaded: precision, device, forward."""
    precision = loaded.dtype
    if loaded.settings.quantization != "none":
        precision = f"{loaded.settings.quantization}, {loaded.dtype}"
    graphs = ""
    if loaded.decoder.forward.device.type == "cuda":
        graphs = " in CUDA graphs" if _graphs(loaded) else " without CUDA graphs"
    return f"{precision}, {loaded.device}, {forward_name(loaded)} forward{graphs}"


def forward_notes(loaded: LoadedModel, repetition_penalty: float = 1.0) -> list[str]:
    """Return in words why a slower way is taken than there is, a line each."""
    notes = []
    if loaded.stock_reason is not None:
        notes.append(f"The lean forward does not fit: {loaded.stock_reason}.")
    forward = loaded.decoder.forward
    if isinstance(forward, LeanForward) and forward.device.type == "cuda":
        if forward.eager_reason is not None:
            notes.append(f"Steps are not CUDA graphs: {forward.eager_reason}.")
        elif (obstacle := whole_step_obstacle(forward, repetition_penalty)) is not None:
            notes.append(f"Forward passes are CUDA graphs, whole steps are not: {obstacle}.")
    return notes


def forward_record(loaded: LoadedModel, repetition_penalty: float = 1.0) -> dict[str, Any]:
    """Return how the steps were run, for a JSON object."""
    return {
        "forward": forward_name(loaded),
        "stock_reason": loaded.stock_reason,
        "cuda_graphs": _graphs(loaded),
        "launches": launches(loaded.decoder.forward, repetition_penalty),
        "forward_notes": forward_notes(loaded, repetition_penalty),
    }


def _graphs(loaded: LoadedModel) -> bool:
    forward = loaded.decoder.forward
    return isinstance(forward, LeanForward) and forward.graphs_in_use
