"""Weights in 8 and 4 bits, by bitsandbytes."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from medusa_chat.errors import ModelError
from medusa_chat.settings import Quantization

_CPU_BLOCK = 64
"""Its 4-bit product on a CPU takes only widths that are multiples of this."""


def import_bitsandbytes(quantization: Quantization) -> None:
    """Import it for ``quantization``, silently. Raises ModelError where it is not installed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"--load-in-{quantization} needs bitsandbytes, which is not installed: "
            "pip install bitsandbytes, or leave the option out."
        )
    # It says at every product that it casts its input, and which kernels it does without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    import bitsandbytes  # noqa: F401


def quantization_config(quantization: Quantization, dtype: torch.dtype) -> Any:
    """Return what transformers takes, None for no quantisation. ModelError without bitsandbytes."""
    import transformers

    if quantization == "none":
        return None
    import_bitsandbytes(quantization)
    if quantization == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def let_go_of_files(model: Any) -> None:
    """Copy what was not quantised out of the files that were mapped into memory on a CPU.

    While one tensor lies in a file, all of it stays mapped: the weights in full beside those in
    a few bits.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()


@contextmanager
def without_outliers(model: Any) -> Iterator[None]:
    """Multiply in 8 bits alone for a while, in layers that otherwise set large columns apart.

    Which columns those are, all rows of a product decide together, so that a row comes out
    differently in other company: by up to 8% in a random model. A comparison of logits would see
    that instead of what it looks for.
    """
    states = [layer.state for layer in model.modules() if type(layer).__name__ == "Linear8bitLt"]
    thresholds = [state.threshold for state in states]
    try:
        for state in states:
            state.threshold = 0.0
        yield
    finally:
        for state, threshold in zip(states, thresholds, strict=True):
            state.threshold = threshold


def unfit_width(model: Any) -> int | None:
    """Return a width of ``model`` that 4 bits on a CPU cannot have, or None when there is none."""
    for layer in model.modules():
        if type(layer).__name__ == "Linear4bit" and layer.weight.device.type == "cpu":
            for width in (layer.in_features, layer.out_features):
                if width % _CPU_BLOCK:
                    return int(width)
    return None
