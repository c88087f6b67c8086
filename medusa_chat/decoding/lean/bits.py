"""Layers that bitsandbytes has quantised, joined as they lie: no number of theirs changes.

A joined layer is one kernel in place of two or three, and bitsandbytes' small-batch product serves
more rows of a tall matrix than of a low one: 16 of joined q, k and v where it takes 7 of each.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.lean.linear import ModuleProduct, Product


def joined_bits(modules: Sequence[Any]) -> Product:
    """Return one product of quantised layers that read the same input, side by side.

    Joined where their kind allows it; then the layers become views of what is joined.
    """
    kinds = {type(module).__name__ for module in modules}
    biases = {module.bias is None for module in modules}
    if len(modules) == 1 or len(kinds) > 1 or len(biases) > 1:
        return ModuleProduct(*modules)
    if kinds == {"Linear4bit"} and _joinable_4bit(modules):
        return ModuleProduct(_joined_4bit(modules))
    if kinds == {"Linear8bitLt"} and all(module.state.CB is not None for module in modules):
        return Joined8bit(modules)
    return ModuleProduct(*modules)


def _joinable_4bit(modules: Sequence[Any]) -> bool:
    states: list[Any] = [getattr(module.weight, "quant_state", None) for module in modules]
    if any(state is None or getattr(state, "packing_format_for_cpu", False) for state in states):
        return False  # on a CPU it has a layout of its own, which is not made of rows
    alike = {
        (state.blocksize, state.quant_type, state.dtype, module.compute_dtype)
        for state, module in zip(states, modules, strict=True)
    }
    # Blocks must not cross from the last row of one layer to the first of the next.
    return len(alike) == 1 and modules[0].in_features % states[0].blocksize == 0


def _joined_4bit(modules: Sequence[Any]) -> Any:
    first = modules[0]
    states = [module.weight.quant_state for module in modules]
    data = torch.cat([module.weight.data.view(-1, 1) for module in modules])
    absmax = torch.cat([_absmax(state) for state in states])
    width, height = first.in_features, sum(module.out_features for module in modules)
    joined = _hollow(first, height, compute_dtype=first.compute_dtype)
    state = copy.copy(states[0])
    state.shape = torch.Size((height, width))
    _set_absmax(state, absmax)
    joined.weight = type(first.weight)(
        data,
        requires_grad=False,
        quant_state=state,
        blocksize=state.blocksize,
        compress_statistics=False,
        quant_type=state.quant_type,
        quant_storage=first.weight.quant_storage,
        bnb_quantized=True,
        module=joined,
    )
    _join_biases(joined, modules)
    byte, block = 0, 0
    for module, of_module in zip(modules, states, strict=True):
        bytes_of_module = module.weight.data.numel()
        blocks = module.out_features * width // of_module.blocksize
        module.weight.data = data[byte : byte + bytes_of_module]
        _set_absmax(of_module, absmax[block : block + blocks])
        byte, block = byte + bytes_of_module, block + blocks
    return joined


def _absmax(state: Any) -> Tensor:
    """Return the largest number of each block; where these are quantised too, what they stand for.

    The kernels would work that out at every product.
    """
    if not state.nested:
        return state.absmax  # type: ignore[no-any-return]
    fine = state.state2
    scale = fine.absmax.repeat_interleave(fine.blocksize)[: state.absmax.numel()]
    absmax: Tensor = fine.code[state.absmax.long()] * scale + state.offset
    return absmax


def _set_absmax(state: Any, absmax: Tensor) -> None:
    state.absmax = absmax
    state.nested, state.state2, state.offset = False, None, None


class Joined8bit:
    """8-bit layers as one; columns that their threshold sets apart are those of the input."""

    def __init__(self, modules: Sequence[Any]) -> None:
        self._first: Any = modules[0]
        whole = torch.cat([module.state.CB for module in modules])
        scales = torch.cat([module.state.SCB.flatten() for module in modules])
        joined = _hollow(self._first, whole.shape[0], has_fp16_weights=False)
        joined.weight = type(self._first.weight)(whole, requires_grad=False, has_fp16_weights=False)
        joined.state = copy.copy(self._first.state)
        joined.state.CB, joined.state.SCB = whole, scales
        _join_biases(joined, modules)
        self._joined: Any = joined.eval()
        row = 0
        for module in modules:
            end = row + module.out_features
            module.state.CB, module.state.SCB = whole[row:end], scales[row:end]
            module.weight.data = module.state.CB
            row = end

    def __call__(self, x: Tensor) -> Tensor:
        """Return the products of all the layers side by side."""
        # It may have been changed since: comparisons are made without outliers.
        self._joined.state.threshold = self._first.state.threshold
        product: Tensor = self._joined(x)
        return product


def _hollow(like: Any, height: int, **options: Any) -> Any:
    """Return a layer of the kind of ``like`` without weights, ``height`` rows high."""
    layer = type(like)(like.in_features, height, bias=False, device="meta", **options)
    return layer.eval()


def _join_biases(joined: Any, modules: Sequence[Any]) -> None:
    if modules[0].bias is not None:
        biases = torch.cat([module.bias.detach() for module in modules])
        joined.bias = torch.nn.Parameter(biases, requires_grad=False)
