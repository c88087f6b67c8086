"""Matrix products for a few rows at once on a CPU: oneDNN's packed weights beside the usual ones.

torch's own product of a float32 matrix takes 1.5 to 3 times as long for eight rows as for one,
which would eat what a tree gains; over packed weights eight rows cost little more than one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_ONE_ROW_ELEMENTS = 1_000_000
"""Below this size one row is faster unpacked: 256 x 256 takes 0.005 ms against 0.014."""
_ROWS = 8
_TOLERANCE = 1e-4


class PackedLinear(nn.Linear):
    """A linear layer, without changes in what it computes but for rounding."""

    _packed: Tensor
    _one_row_packed: bool

    def pack(self) -> None:
        """Pack the weights as they are now; call it again if they change."""
        self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach(), _ROWS)
        self._one_row_packed = self.weight.numel() >= _ONE_ROW_ELEMENTS

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b over the last dimension."""
        if not self._one_row_packed and x.numel() == self.in_features:
            return functional.linear(x, self.weight, self.bias)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self.bias, "none", [], ""
        )
        return product


def pack_linears(model: nn.Module) -> bool:
    """Pack every float32 nn.Linear of ``model``; False, and nothing changed, where that fails.

    The operators are private to torch, so their result is compared with its public one first.
    """
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear]
    if not layers or any(layer.weight.dtype != torch.float32 for layer in layers):
        return False
    try:
        with torch.inference_mode():
            if not _agrees(layers[0]):
                return False
    except (AttributeError, RuntimeError):  # this torch has no such operator, or other arguments
        return False
    for layer in layers:
        layer.__class__ = PackedLinear
        assert isinstance(layer, PackedLinear)
        layer.pack()
    return True


def _agrees(layer: nn.Linear) -> bool:
    packed = PackedLinear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    packed.weight, packed.bias = layer.weight, layer.bias
    packed.pack()
    x = torch.linspace(-1, 1, _ROWS * layer.in_features).reshape(_ROWS, -1)
    expected = functional.linear(x, layer.weight, layer.bias)
    return torch.allclose(packed.forward(x), expected, rtol=_TOLERANCE, atol=_TOLERANCE)
