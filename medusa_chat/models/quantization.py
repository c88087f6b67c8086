"""Weights in 8 and 4 bits by bitsandbytes, and in float8 by torch."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from medusa_chat.decoding.lean.fp8 import row_unit
from medusa_chat.errors import ModelError
from medusa_chat.models.float8 import CAPABILITY as _FP8_CAPABILITY
from medusa_chat.models.float8 import FAMILIES as _FP8_FAMILIES
from medusa_chat.models.layout import read_config
from medusa_chat.settings import Quantization

_CPU_INPUTS, _CPU_OUTPUTS = 64, 32
"""Of what bitsandbytes' 4-bit product on a CPU takes whole multiples: weights of a scale, and rows
packed together (``functional._convert_weight_packed_for_cpu``)."""


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
    """Return what transformers takes, None for no quantisation.

    Raises ModelError where bitsandbytes is needed and not installed.
    """
    import transformers

    if quantization == "none":
        return None
    if quantization == "fp8":
        from medusa_chat.models.fp8_quantizer import Fp8Config

        return Fp8Config()
    import_bitsandbytes(quantization)
    if quantization == "8bit":
        # No columns are set apart: which ones, all rows would decide together, so that a tree
        # could change the text, and the device would have to be waited for.
        return transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def fp8_obstacle(device: torch.device) -> str | None:
    """Return in words what ``device`` lacks for float8, None where it is made for that."""
    name = "a CPU" if device.type == "cpu" else device.type
    capability = (0, 0)
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        name = f"{torch.cuda.get_device_name(device)} of {capability[0]}.{capability[1]}"
    if capability >= _FP8_CAPABILITY:
        return None
    return f"needs an Ada, Hopper or newer GPU (compute capability 8.9), and {device} is {name}"


def check_fp8(folder: Path, device: torch.device) -> str | None:
    """Return why the model in ``folder`` has to be loaded without float8, None where it need not.

    That is where torch's product of float8 fails on a ``device`` that has it. Raises ModelError for
    a device that has not, and for a model of another family.
    """
    lacking = fp8_obstacle(device)
    if lacking is not None:
        raise ModelError(f"--load-in-fp8 {lacking}: use --load-in-8bit or --load-in-4bit.")
    family = read_config(folder).get("model_type")
    if family not in _FP8_FAMILIES:
        raise ModelError(
            f"--load-in-fp8 is for models of the Llama family ({', '.join(_FP8_FAMILIES)}), and "
            f"{folder.name} is of the kind {family}: use --load-in-8bit or --load-in-4bit."
        )
    unit = row_unit(device)
    return unit if isinstance(unit, str) else None


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

    Only models that were saved in 8 bits have such layers. Which columns those are, all rows of a
    product decide together, so that a row comes out differently in other company: by up to 8% in a
    random model. A comparison of logits would see that instead of what it looks for.
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
            if layer.in_features % _CPU_INPUTS:
                return int(layer.in_features)
            if layer.out_features % _CPU_OUTPUTS:
                return int(layer.out_features)
    return None


def unfit(name: str, width: int) -> ModelError:
    """Return what is to be said of a model with the ``unfit_width``."""
    return ModelError(
        f"{name} has a layer that is {width} wide: 4 bits on a CPU read multiples of {_CPU_INPUTS} "
        f"and write multiples of {_CPU_OUTPUTS}. Use --load-in-8bit, or neither."
    )
