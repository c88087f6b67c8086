"""Medusa heads with weights of 8 bits: a quarter of float32's memory, half of 16 bits'.

Each row of a matrix is whole numbers from -127 to 127 and one scale. Heads only guess, so what the
rounding costs is a guess now and then, and never a token of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medusa_chat.models.heads import MedusaHeads

_LARGEST = 127
_PIECE_ROWS = 4096
"""Of an output matrix at a time, where they have to be turned back into fractions."""
_TOLERANCE = 0.05

Product = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x [n, H], whole numbers [R, H] and scales [R] -> [n, R]."""


class Int8Heads(nn.Module):
    """The heads of ``MedusaHeads`` in 8 bits, on one device, where they guess in ``dtype``."""

    block_weight: Tensor
    block_scale: Tensor
    block_bias: Tensor
    output_weight: Tensor | None
    output_scale: Tensor
    token_map: Tensor | None

    def __init__(self, heads: MedusaHeads, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        # A CPU's product for this is made for bfloat16: 1.9 ms for 32k x 1024, float32 23.
        self.dtype = torch.bfloat16 if device.type == "cpu" else dtype
        self._base_dtype = dtype
        self.count, self.layers, self.hidden_size = heads.count, heads.layers, heads.hidden_size
        self.vocabulary = heads.vocabulary
        self.register_buffer("block_bias", heads.block_bias.to(device, self.dtype))
        self._keep("block", heads.block_weight, device)
        if heads.output_weight is None:
            self.output_weight = None
        else:
            self._keep("output", heads.output_weight, device)
        token_map = heads.token_map
        self.register_buffer("token_map", None if token_map is None else token_map.to(device))
        self._product = _fastest_right(device, self.dtype)

    def _keep(self, name: str, weight: Tensor, device: torch.device) -> None:
        whole = torch.empty(weight.shape, dtype=torch.int8, device=device)
        scale = torch.empty(weight.shape[:-1], dtype=self.dtype, device=device)
        # A matrix at a time: all of them as float32 would take four times what is saved.
        for into, scales, matrix in zip(
            whole.flatten(0, -3), scale.flatten(0, -2), weight.flatten(0, -3), strict=True
        ):
            numbers, scale_of_row = quantized(matrix.detach().to(device).float())
            into.copy_(numbers)
            scales.copy_(scale_of_row)
        self.register_buffer(f"{name}_weight", whole)
        self.register_buffer(f"{name}_scale", scale)

    def forward(self, hidden: Tensor, output: Any, heads: int | None = None) -> Tensor:
        """Return the logits [heads, n, V] of the first ``heads`` heads for ``hidden`` [n, H].

        ``output`` is the base's output matrix, used by heads that share it.
        """
        count = self.count if heads is None else heads
        x = torch.stack([self._blocks(hidden.to(self.dtype), head) for head in range(count)])
        weight = self.output_weight
        if weight is None:
            logits: Tensor = output(x.flatten(0, 1).to(self._base_dtype))
            return logits.view(*x.shape[:2], -1)
        last = weight.shape[0] - 1  # one matrix may serve all heads
        return torch.stack(
            [
                self._product(row, weight[min(head, last)], self.output_scale[min(head, last)])
                for head, row in enumerate(x)
            ]
        )

    def _blocks(self, x: Tensor, head: int) -> Tensor:
        for layer in range(self.layers):
            product = self._product(
                x, self.block_weight[layer, head], self.block_scale[layer, head]
            )
            x = x + functional.silu(product + self.block_bias[layer, head])
        return x


def quantized(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the whole numbers [R, H] and scales [R] nearest to ``matrix`` [R, H]."""
    scale = matrix.abs().amax(-1).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST
    numbers = (matrix / scale[:, None]).round().clamp(-_LARGEST, _LARGEST)
    return numbers.to(torch.int8), scale


def _in_pieces(x: Tensor, numbers: Tensor, scale: Tensor) -> Tensor:
    """Multiply with a few rows at a time: all of them as fractions would take the memory saved."""
    pieces = [x @ piece.to(x.dtype).T for piece in torch.split(numbers, _PIECE_ROWS)]
    return torch.cat(pieces, -1) * scale


def _fastest_right(device: torch.device, dtype: torch.dtype) -> Product:
    """Return torch's own product of 8-bit weights where there is one and it is right.

    The operator is private to torch, so its result is compared with a public one's first.
    """
    packed: Product | None = getattr(torch, "_weight_int8pack_mm", None)
    if packed is None:
        return _in_pieces
    numbers = torch.arange(-32, 32, device=device).repeat(64, 1).to(torch.int8)
    scale = torch.linspace(0.1, 1, 64, device=device).to(dtype)
    x = torch.linspace(-1, 1, 64, device=device).to(dtype)[None]
    expected = _in_pieces(x, numbers, scale)
    try:
        right = torch.allclose(packed(x, numbers, scale), expected, rtol=_TOLERANCE)
    except RuntimeError:  # not on this device, or other arguments in this torch
        return _in_pieces
    return packed if right else _in_pieces
