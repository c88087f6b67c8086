"""A loaded model as transformers has it, without what the program makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from medusa_chat.decoding.lean.fp8 import Fp8Linear
from medusa_chat.decoding.lean.weights import unpack
from medusa_chat.models.loader import LoadedModel

_OURS = "medusa_chat."


def stock_model(loaded: LoadedModel) -> Any:
    """Return ``loaded``'s base, its layers' own weights given back where they had been packed.

    From then on they lie in memory beside the packed ones.
    """
    unpack(loaded.base)
    return loaded.base


@contextmanager
def stock_layers(model: nn.Module) -> Iterator[None]:
    """Run torch's own linear layers for a while, where the program has put others over them.

    Only for a stock model: each layer has to have its weights.
    """
    ours = {
        layer: type(layer)
        for layer in model.modules()
        if isinstance(layer, nn.Linear)
        and type(layer).__module__.startswith(_OURS)
        and not isinstance(layer, Fp8Linear)  # which is the model's precision
    }
    try:
        for layer in ours:
            layer.__class__ = nn.Linear
        yield
    finally:
        for layer, kind in ours.items():
            layer.__class__ = kind
