"""Matrix products for the few rows of a tree: torch's own, oneDNN's over packed weights, or bits.

torch's own product of a matrix on a CPU takes 1.5 to 3 times as long for eight rows as for one,
which would eat what a tree gains; over weights packed by oneDNN eight rows cost little more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

Product = Callable[[Tensor], Tensor]
"""x [n, I] -> x W^T + b [n, O]."""

_ONE_ROW_ELEMENTS = 100_000
"""Below this size one row is faster unpacked: 256 x 256 takes 0.018 ms against 0.021."""
_ROWS = 8
"""For which number of rows oneDNN lays the weights out; 1 serves more rows badly, 4 to 64 alike."""
_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.02}


class PlainProduct:
    """torch's own product, on every device."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b."""
        return functional.linear(x, self._weight, self._bias)


class PackedProduct:
    """oneDNN's product over packed weights, in float32 or bfloat16 on a CPU.

    With ``one_row`` torch's own serves a single row where the matrix is small enough for that to
    be faster; then ``weight`` is kept beside the packed one, else it is not.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, one_row: bool) -> None:
        self._packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        # The operator itself: looking for the right overload costs a microsecond a call.
        self._operator = torch.ops.mkldnn._linear_pointwise.default
        self._bias = bias
        unpacked = one_row and weight.numel() < _ONE_ROW_ELEMENTS
        self._weight = weight if unpacked and weight.dtype == torch.float32 else None

    def unpacked(self) -> Tensor:
        """Return the weights [O, I] as they were."""
        return self._packed.to_dense()

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b."""
        if self._weight is not None and x.shape[0] == 1:
            return functional.linear(x, self._weight, self._bias)
        product: Tensor = self._operator(x, self._packed, self._bias, "none", [], "")
        return product


class ModuleProduct:
    """Quantised layers by their own code: one, which several may have been joined to, or more."""

    def __init__(self, *modules: nn.Module) -> None:
        self._modules = modules

    def __call__(self, x: Tensor) -> Tensor:
        """Return the products of all the modules side by side."""
        if len(self._modules) == 1:
            only: Tensor = self._modules[0](x)
            return only
        return torch.cat([module(x) for module in self._modules], -1)


@cache
def packs(dtype: torch.dtype) -> bool:
    """Return whether oneDNN's product is there for ``dtype``, and right.

    Its operators are private to torch, so their result is compared with the public one's.
    """
    if dtype not in _TOLERANCE:
        return False
    x = torch.linspace(-1, 1, 8 * 48).reshape(8, 48).to(dtype)
    weight = torch.linspace(-1, 1, 96 * 48).sin().reshape(96, 48).to(dtype)
    bias = torch.linspace(-1, 1, 96).to(dtype)
    tolerance = _TOLERANCE[dtype]
    try:
        with torch.inference_mode():
            packed = PackedProduct(weight, bias, one_row=False)
            for rows in (1, 8):
                expected = functional.linear(x[:rows], weight, bias)
                if not torch.allclose(packed(x[:rows]), expected, rtol=tolerance, atol=tolerance):
                    return False
    except (AttributeError, RuntimeError):  # this torch has no such operator, or other arguments
        return False
    return True
