"""Weights in float8 as they are loaded: layer by layer, where they will lie.

Imports transformers, whose loading it takes part in.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers.core_model_loading import ConversionOps
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from medusa_chat.decoding.lean.fp8 import Fp8Linear, rounded_weight

_METHOD = "medusa_chat_fp8"


@register_quantization_config(_METHOD)
class Fp8Config(QuantizationConfigMixin):  # type: ignore[misc]
    """What transformers passes on to ``Fp8Quantizer``."""

    def __init__(self, **_fields: Any) -> None:
        self.quant_method = _METHOD


@register_quantizer(_METHOD)
class Fp8Quantizer(HfQuantizer):  # type: ignore[misc]
    """Puts layers of float8 in the place of a model's linear ones, but for the output matrix.

    That one stays: it is 2 to 7% of what a step reads, and the tokens are chosen by it.
    """

    requires_calibration = False

    @property
    def quantized_element_size(self) -> float:
        """Bytes of a weight."""
        return 1.0

    def param_needs_quantization(self, model: Any, param_name: str, **_others: Any) -> bool:
        """Return whether it is to be rounded while it is loaded."""
        module, _, name = param_name.rpartition(".")
        return name == "weight" and isinstance(model.get_submodule(module), Fp8Linear)

    def get_quantize_ops(self) -> Any:
        """Return what rounds a weight."""
        return _Round()

    def is_serializable(self) -> bool:
        """Return whether it could be saved: that is not needed."""
        return False

    @property
    def is_trainable(self) -> bool:
        """Whether it could be trained."""
        return False

    def _process_model_before_weight_loading(self, model: Any, **_others: Any) -> None:
        kept = set(self.get_modules_to_not_convert(model))
        linear = [name for name, layer in model.named_modules() if type(layer) is nn.Linear]
        for name in linear:
            parent, _, own = name.rpartition(".")
            if name in kept or own in kept:
                continue
            layer = model.get_submodule(name)
            made = Fp8Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            setattr(model.get_submodule(parent), own, made)


class _Round(ConversionOps):  # type: ignore[misc]
    """One weight in, its numbers of float8 and their scales out."""

    def convert(
        self, input_dict: dict[str, Any], model: Any = None, **_others: Any
    ) -> dict[str, torch.Tensor]:
        """Return the parameters by name."""
        made: dict[str, torch.Tensor] = {}
        for name, value in input_dict.items():
            module, _, _ = name.rpartition(".")
            weight = value[0] if isinstance(value, list) else value
            numbers, scale = rounded_weight(weight)
            made[name] = nn.Parameter(numbers, requires_grad=False)
            made[f"{module}.scale"] = nn.Parameter(scale, requires_grad=False)
            model.get_submodule(module)._is_hf_initialized = True
        return made
