"""Medusa heads on a CPU over packed weights, several times as fast as torch's own products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medusa_chat.decoding.lean.linear import PackedProduct, packs
from medusa_chat.models.heads import MedusaHeads

_JOINED_BYTES = 2**24
"""Up to here every head is multiplied by the matrices of all of them: reading these once in one go
takes half as long as going through them one after the other, and is what takes time."""


class PackedHeads(nn.Module):
    """The heads of ``MedusaHeads`` in float32 or bfloat16."""

    token_map: Tensor | None

    def __init__(self, heads: MedusaHeads) -> None:
        super().__init__()
        assert packs(heads.dtype)
        self.dtype = heads.dtype
        self.count, self.layers, self.hidden_size = heads.count, heads.layers, heads.hidden_size
        self.vocabulary = heads.vocabulary
        self.shares_output = heads.output_weight is None
        self.weight_bytes = sum(one.nbytes for one in heads.parameters())
        self.register_buffer("token_map", heads.token_map)
        output = heads.output_weight
        self._outputs: list[PackedProduct] = []
        self._joined: PackedProduct | None = None
        if output is not None and len(output) > 1 and output.nbytes <= _JOINED_BYTES:
            self._joined = _packed(output.flatten(0, 1), None)
        elif output is not None:
            self._outputs = [_packed(weight, None) for weight in output]
        first_weight, first_bias = heads.block_weight[0], heads.block_bias[0]
        # The first blocks read the same hidden state, so they are one product.
        self._first = _packed(first_weight.flatten(0, 1), first_bias.flatten())
        self._blocks = [
            [_packed(weight, bias) for weight, bias in zip(*layer, strict=True)]
            for layer in zip(heads.block_weight[1:], heads.block_bias[1:], strict=True)
        ]

    def forward(self, hidden: Tensor, output: Any, heads: int | None = None) -> Tensor:
        """Return the logits [heads, n, V] of the first ``heads`` heads for ``hidden`` [n, H].

        ``output`` is the base's output matrix, used by heads that share it.
        """
        count = self.count if heads is None else heads
        first = functional.silu(self._first(hidden))
        guesses = hidden[:, None] + first.view(-1, self.count, self.hidden_size)[:, :count]
        x = guesses.transpose(0, 1)
        for layer in self._blocks:
            rows = zip(x, layer, strict=False)
            x = torch.stack([one + functional.silu(block(one)) for one, block in rows])
        if len(self._outputs) > 1:
            return torch.stack([own(one) for own, one in zip(self._outputs, x, strict=False)])
        # Rows of one matrix are one product, whether it is the base's or the heads' own.
        product = self._joined or (self._outputs[0] if self._outputs else output)
        logits: Tensor = product(x.reshape(-1, self.hidden_size))
        if self._joined is None:
            return logits.view(count, hidden.shape[0], -1)
        of_all = logits.view(count, hidden.shape[0], self.count, -1)
        return of_all.diagonal(dim1=0, dim2=2).permute(2, 0, 1)


def _packed(weight: Tensor, bias: Tensor | None) -> PackedProduct:
    return PackedProduct(
        weight.detach().contiguous(),
        None if bias is None else bias.detach().contiguous(),
        one_row=False,
    )
