"""A loaded model's weights as the lean forward takes them: q, k and v joined, gate and up joined.

The model stays usable: its layers become views of what is joined, or ask the joined product for
their rows, so that nothing lies in memory twice and the stock forward can still check this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medusa_chat.decoding.lean.bits import joined_bits
from medusa_chat.decoding.lean.fp8 import Fp8Linear, Fp8Product
from medusa_chat.decoding.lean.linear import (
    PackedProduct,
    PlainProduct,
    Product,
    packs,
)
from medusa_chat.decoding.lean.norm import RootMeanSquare


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: ``qkv`` gives [n, (H + 2 J) * D], ``gate_up`` twice the width of ``down``."""

    attention_norm: RootMeanSquare
    qkv: Product
    query_key_norm: RootMeanSquare | None
    """Over each head of queries and keys (Qwen3)."""
    output: Product
    mlp_norm: RootMeanSquare
    gate_up: Product
    down: Product


class Part(nn.Linear):
    """A linear layer whose weights are packed with those of others: some rows of their product."""

    product: PackedProduct
    first: int

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b over the last dimension."""
        whole = self.product(x.reshape(-1, self.in_features))
        part = whole[:, self.first : self.first + self.out_features]
        return part.reshape(*x.shape[:-1], self.out_features)


def unpack(model: nn.Module) -> None:
    """Give every ``Part`` of ``model`` its own weights back; the packed ones stay as well."""
    whole: dict[int, Tensor] = {}
    parts: list[Any] = [module for module in model.modules() if type(module) is Part]
    for part in parts:
        product = part.product
        if id(product) not in whole:
            whole[id(product)] = product.unpacked()
        part.weight.data = whole[id(product)][part.first : part.first + part.out_features]
        part.__class__ = nn.Linear


@contextmanager
def unpacked(model: nn.Module) -> Iterator[None]:
    """Let ``model`` be as transformers has it for a while: each layer with weights of its own."""
    parts = [module for module in model.modules() if type(module) is Part]
    try:
        unpack(model)
        yield
    finally:
        for part in parts:
            _let_go(part)


def let_go_of_files(model: Any) -> None:
    """Copy what is not joined out of the files that were mapped into memory.

    While one tensor lies in a file, all of it stays mapped, beside what was packed.
    """
    for module in model.modules():
        if not isinstance(module, nn.Linear):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.clone()


def layer_weights(layer: Any, *, spare: bool) -> LayerWeights:
    """Return the weights of a transformers layer of the Llama family, joined.

    ``spare`` memory: what is packed for a CPU is not also kept unpacked.
    """
    attention, mlp = layer.self_attn, layer.mlp
    return LayerWeights(
        attention_norm=norm_of(layer.input_layernorm),
        qkv=product_of([attention.q_proj, attention.k_proj, attention.v_proj], spare=spare),
        query_key_norm=_query_key_norm(attention),
        output=product_of([attention.o_proj], spare=spare),
        mlp_norm=norm_of(layer.post_attention_layernorm),
        gate_up=product_of([mlp.gate_proj, mlp.up_proj], spare=spare),
        down=product_of([mlp.down_proj], spare=spare),
    )


def norm_of(norm: Any) -> RootMeanSquare:
    """Return a transformers RMSNorm."""
    return RootMeanSquare(norm.weight.detach(), norm.variance_epsilon)


def product_of(modules: Sequence[Any], *, spare: bool) -> Product:
    """Return one product of linear layers that read the same input, side by side."""
    if all(type(module) is Fp8Linear for module in modules):
        return Fp8Product(modules)
    if any(type(module) is not nn.Linear for module in modules):
        return joined_bits(modules)
    weight = _joined([module.weight for module in modules])
    bias = None
    if any(module.bias is not None for module in modules):
        bias = _joined(
            [
                module.weight.new_zeros(module.out_features) if module.bias is None else module.bias
                for module in modules
            ]
        )
    if weight.device.type != "cpu" or not packs(weight.dtype):
        _share(modules, weight, bias)
        return PlainProduct(weight, bias)
    product = PackedProduct(weight, bias, one_row=not spare)
    if spare:
        _hand_over(modules, product)
    else:
        _share(modules, weight, bias)
    return product


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    if len(tensors) == 1:
        return tensors[0].detach()
    return torch.cat([tensor.detach() for tensor in tensors])


def _share(modules: Sequence[Any], weight: Tensor, bias: Tensor | None) -> None:
    """Make the modules' weights views of the joined ones."""
    first = 0
    for module in modules:
        end = first + module.out_features
        module.weight.data = weight[first:end]
        if module.bias is not None:
            assert bias is not None
            module.bias.data = bias[first:end]
        first = end


def _hand_over(modules: Sequence[Any], product: PackedProduct) -> None:
    """Let go of the modules' weights; from now on they ask ``product``."""
    first = 0
    for module in modules:
        module.product, module.first = product, first
        _let_go(module)
        first += module.out_features


def _let_go(part: Any) -> None:
    part.weight.data = part.weight.new_empty(0, part.in_features)
    part.__class__ = Part


def _query_key_norm(attention: Any) -> RootMeanSquare | None:
    if not hasattr(attention, "q_norm"):
        return None
    width = attention.head_dim
    queries = attention.q_norm.weight.detach().expand(attention.q_proj.out_features // width, width)
    keys = attention.k_norm.weight.detach().expand(attention.k_proj.out_features // width, width)
    return RootMeanSquare(torch.cat([queries, keys]), attention.q_norm.variance_epsilon)
