"""oneDNN's packed weights in a model that transformers' own forward runs on a CPU."""

from __future__ import annotations

from torch import Tensor, nn

from medusa_chat.decoding.lean.linear import PackedProduct, packs


class PackedLinear(nn.Linear):
    """A linear layer, without changes in what it computes but for rounding."""

    _product: PackedProduct

    def pack(self) -> None:
        """Pack the weights as they are now; call it again if they change."""
        bias = None if self.bias is None else self.bias.detach()
        self._product = PackedProduct(self.weight.detach(), bias, one_row=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b over the last dimension."""
        product = self._product(x.reshape(-1, self.in_features))
        return product.reshape(*x.shape[:-1], self.out_features)


def pack_linears(model: nn.Module) -> bool:
    """Pack every nn.Linear of ``model``; False, and nothing changed, where that is not possible.

    The unpacked weights stay as well.
    """
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear]
    if not layers or not all(packs(layer.weight.dtype) for layer in layers):
        return False
    for layer in layers:
        layer.__class__ = PackedLinear
        assert isinstance(layer, PackedLinear)
        layer.pack()
    return True
