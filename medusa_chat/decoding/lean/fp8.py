"""Linear layers in float8, by torch's own product of them on Ada, Hopper and what came after.

Weights are rounded once, each row by its largest number; the rows that are multiplied by them are
rounded at every product, each by its own largest, so that the rows of a tree don't disturb each
other. The operator is private to torch: before it is used its result is compared with the public
product's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DTYPE = torch.float8_e4m3fn
"""Four bits of exponent, three of mantissa; no infinity."""
LARGEST = torch.finfo(DTYPE).max
_UNIT = 16
"""Both sides of a matrix are multiples of this (torch's check in ``_scaled_mm``)."""
_SMALLEST = 1e-12
"""Stands for the largest of a row of zeros."""
_ROW_UNITS = (1, 16)
"""Of the rows that are multiplied: torch asks for no multiple, older libraries did."""
_TRIED_ROWS = (1, 7, 64)
_TOLERANCE = 0.01
"""Of the relative error: the result is rounded to bfloat16, which costs some 0.2%."""


class Fp8Linear(nn.Linear):
    """A linear layer whose weights [O, I] are of float8; ``scale`` [1, O] is part of each row.

    A weight is its number times its row's scale times ``LARGEST``: the other factor of the rows
    that are multiplied is that much too small.
    """

    scale: nn.Parameter
    bias: Any

    def __init__(self, in_features: int, out_features: int, *, bias: bool) -> None:
        nn.Module.__init__(self)  # an ordinary layer would make its weights first, in full
        self.in_features, self.out_features = in_features, out_features
        width = _padded(in_features)
        self.weight = _constant(torch.empty(out_features, width, dtype=DTYPE, device="meta"))
        self.scale = _constant(torch.empty(1, out_features, device="meta"))
        self.bias = (
            _constant(torch.empty(out_features, dtype=torch.bfloat16, device="meta"))
            if bias
            else None
        )
        self._product: Fp8Product | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b over the last dimension."""
        product = self._product
        # The weights become views of joined ones, or move: what was made of them is made anew.
        if product is None or product.weight.data_ptr() != self.weight.data_ptr():
            product = self._product = Fp8Product([self])
        return product(x.reshape(-1, self.in_features)).view(*x.shape[:-1], self.out_features)


class Fp8Product:
    """One product of ``Fp8Linear`` layers that read the same input, side by side.

    They become views of what is joined.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._height = sum(layer.out_features for layer in layers)
        extra = _padded(self._height) - self._height
        weight = [layer.weight.detach() for layer in layers]
        scale = [layer.scale.detach() for layer in layers]
        if extra:
            weight.append(weight[0].new_zeros(extra, weight[0].shape[1]))
            scale.append(scale[0].new_ones(1, extra))
        self.weight = weight[0] if len(weight) == 1 else _stacked(weight)
        self._scale = scale[0].contiguous() if len(scale) == 1 else torch.cat(scale, -1)
        self._bias = _joined_bias(layers)
        self._width = layers[0].in_features
        self._zero = torch.zeros((), device=self.weight.device)
        unit = row_unit(self.weight.device)
        assert isinstance(unit, int), "weights in float8 are made where their product works"
        self._row_unit = unit
        first = 0
        for layer in layers:
            end = first + layer.out_features
            layer.weight.data = self.weight[first:end]
            layer.scale.data = self._scale[:, first:end]
            first = end

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b for the rows ``x`` [n, I], in their precision."""
        count = x.shape[0]
        columns, rows = self.weight.shape[1] - self._width, -count % self._row_unit
        if columns or rows:
            x = functional.pad(x, (0, columns, 0, rows))
        product = _multiply(*rounded_rows(x, self._zero), self.weight, self._scale)
        if rows or product.shape[1] > self._height:
            product = product[:count, : self._height]
        if self._bias is not None:
            product = product + self._bias
        return product.to(x.dtype)


def is_float8(model: nn.Module) -> bool:
    """Return whether ``model`` has layers of float8."""
    return any(isinstance(module, Fp8Linear) for module in model.modules())


def leaves_the_stream(device: torch.device) -> bool:
    """Return whether the product is launched on another stream of ``device`` than the current one.

    A CUDA graph would be without it, and say nothing. So it is on Ada before torch 2.12 (PyTorch's
    issue 177651).
    """
    return torch.cuda.get_device_capability(device) == (8, 9) and torch.__version__ < "2.12"


def rounded_rows(x: Tensor, zero: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of ``x`` [n, I] in float8, and the largest number [n, 1] of each.

    ``zero`` [] is of float32: with it four operations are enough, and each is a launch.
    """
    largest = torch.linalg.vector_norm(x, math.inf, -1, keepdim=True, dtype=torch.float32)
    largest = largest.clamp_(min=_SMALLEST)
    # A place of its own: what is converted may keep the strides that a single row had by chance.
    rows = torch.empty(x.shape, dtype=DTYPE, device=x.device)
    return rows.copy_(torch.addcdiv(zero, x, largest, value=LARGEST)), largest


@torch.no_grad()
def fill(layer: Fp8Linear, weight: Tensor, bias: Tensor | None = None) -> None:
    """Give ``layer`` these weights [O, I], rounded, where they lie."""
    numbers, scale = rounded_weight(weight)
    layer.weight, layer.scale = _constant(numbers), _constant(scale)
    if bias is not None:
        layer.bias = _constant(bias.detach())


def rounded_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``weight`` [O, I] in float8, as wide as the operator wants, and its scale [1, O]."""
    numbers, largest = rounded_rows(weight.detach(), torch.zeros((), device=weight.device))
    width = _padded(weight.shape[1])
    if width > weight.shape[1]:
        whole = numbers.new_zeros(weight.shape[0], width)
        whole[:, : weight.shape[1]] = numbers
        numbers = whole
    return numbers, largest.view(1, -1) / LARGEST**2


@cache
def row_unit(device: torch.device) -> int | str:
    """Return of what number the rows must be a multiple on ``device``; in words why none does.

    Found by comparing small products with those of the same numbers in float32.
    """
    noise = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 64, generator=noise)
    x = torch.randn(max(_TRIED_ROWS), 64, generator=noise)
    x[1] *= 1000  # must not disturb the others
    x[2] = 0
    reason = ""
    for unit in _ROW_UNITS:
        try:
            worst = max(_error(x[:rows], weight, unit, device) for rows in _TRIED_ROWS)
        except (AttributeError, RuntimeError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
            continue
        if worst <= _TOLERANCE:
            return unit
        reason = f"its results are {worst:.0%} off"
    return f"torch's product of float8 fails on {device}: {reason}"


@torch.no_grad()
def _error(x: Tensor, weight: Tensor, unit: int, device: torch.device) -> float:
    numbers, scale = rounded_weight(weight.to(device, torch.bfloat16))
    x = x.to(device, torch.bfloat16)
    rows, largest = rounded_rows(x, torch.zeros((), device=device))
    padding = -x.shape[0] % unit
    if padding:
        rows = torch.cat([rows.view(torch.uint8), rows.new_zeros(padding, 64).view(torch.uint8)])
        rows, largest = rows.view(DTYPE), functional.pad(largest, (0, 0, 0, padding))
    got = _multiply(rows, largest, numbers, scale)[: x.shape[0]].float()
    expected = functional.linear(rows.float() * largest, numbers.float() * scale.view(-1, 1))
    expected = expected[: x.shape[0]]
    difference = (got - expected).norm(dim=-1) / expected.norm(dim=-1).clamp(min=_SMALLEST)
    # A NaN is greater than nothing, and must not pass.
    return float(difference.nan_to_num(math.inf).max())


def _multiply(rows: Tensor, largest: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    product: Tensor = torch._scaled_mm(
        rows, weight.t(), scale_a=largest, scale_b=scale, out_dtype=torch.bfloat16
    )
    return product


def _joined_bias(layers: Sequence[Any]) -> Tensor | None:
    if all(layer.bias is None for layer in layers):
        return None
    return torch.cat(
        [
            layer.scale.new_zeros(layer.out_features, dtype=torch.bfloat16)
            if layer.bias is None
            else layer.bias.detach()
            for layer in layers
        ]
    )


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    # As bytes: not every operation knows float8.
    return torch.cat([part.view(torch.uint8) for part in parts]).view(DTYPE)


def _padded(size: int) -> int:
    return -(-size // _UNIT) * _UNIT


def _constant(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
