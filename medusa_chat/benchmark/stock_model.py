"""A loaded model as transformers has it, without what the program makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import place, resolve_dtype
from medusa_chat.models.files import find_files
from medusa_chat.models.loader import LoadedModel

_OURS = "medusa_chat."


def stock_model(loaded: LoadedModel) -> Any:
    """Return the model with weights of its own: ``loaded``'s base or, for want of them, another.

    Raises ModelError when it cannot be loaded again.
    """
    layers = [layer for layer in loaded.base.modules() if isinstance(layer, nn.Linear)]
    if all(layer.weight.numel() for layer in layers):
        return loaded.base
    settings = loaded.settings
    placement = place(settings.device)
    dtype = resolve_dtype(settings.dtype, placement.device)
    return load_base(find_files(settings).base, dtype, placement, settings.quantization)


@contextmanager
def stock_layers(model: nn.Module) -> Iterator[None]:
    """Run torch's own linear layers for a while, where the program has put others over them.

    Only for a model that holds its own weights.
    """
    ours = {
        layer: type(layer)
        for layer in model.modules()
        if isinstance(layer, nn.Linear) and type(layer).__module__.startswith(_OURS)
    }
    try:
        for layer in ours:
            layer.__class__ = nn.Linear
        yield
    finally:
        for layer, kind in ours.items():
            layer.__class__ = kind
