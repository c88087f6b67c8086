"""Which forward runs the steps that are measured: the one that loading chose, or the other."""

from __future__ import annotations

from medusa_chat.benchmark.settings import ForwardName
from medusa_chat.benchmark.stock_model import stock_model
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
        loaded.decoder.cached.clear()


def forward_name(loaded: LoadedModel) -> ForwardName:
    """Return the name of the forward in use."""
    return "lean" if isinstance(loaded.decoder.forward, LeanForward) else "stock"


def model_words(loaded: LoadedModel) -> str:
    """Return in words how a model is loaded: precision, device, forward."""
    precision = loaded.dtype
    if loaded.settings.quantization != "none":
        precision = f"{loaded.settings.quantization}, {loaded.dtype}"
    return f"{precision}, {loaded.device}, {forward_name(loaded)} forward"
