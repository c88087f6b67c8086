"""Medusa heads: each guesses one token further ahead from the base model's last hidden state.

Head k at position t guesses token t + 1 + k + 1: the base model's own output is the token after t,
and head 0 guesses the one after that. Shapes: K heads, H hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_PIECE_ROWS = 4096


class MedusaHeads(nn.Module):
    """K heads, each ``layers`` residual blocks x + SiLU(W1 x + b1) and an output matrix W2.

    All heads are held together, so that one batched product serves them all:
    ``block_weight`` [layers, K, H, H], ``block_bias`` [layers, K, H] and ``output_weight``
    [K, V, H], [1, V, H] when they have one in common, or None when they share the base's output
    matrix (Medusa, section 2.1.1). Where the heads' vocabulary is cut down, ``token_map`` [V] holds
    the base's token id of each row. Heads that see the root have a ``root_weight`` A [H, H]: what
    they read is the hidden state + A e, with e the base's embedding of the root, the token that is
    certain already and that follows. Whoever calls them adds it (``root_table``).
    """

    token_map: Tensor | None

    def __init__(
        self,
        heads: int,
        layers: int,
        hidden: int,
        vocabulary: int | None,
        *,
        sees_root: bool = False,
    ) -> None:
        super().__init__()
        self.block_weight = nn.Parameter(torch.zeros(layers, heads, hidden, hidden))
        self.block_bias = nn.Parameter(torch.zeros(layers, heads, hidden))
        self.output_weight = (
            None if vocabulary is None else nn.Parameter(torch.zeros(heads, vocabulary, hidden))
        )
        self.root_weight = nn.Parameter(torch.zeros(hidden, hidden)) if sees_root else None
        self.register_buffer("token_map", None)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> MedusaHeads:
        """Return heads of these tensors, by the attributes' names; they do not learn.

        Raises RuntimeError or IndexError for shapes that make no heads.
        """
        blocks = tensors["block_weight"]
        (layers, count), hidden = blocks.shape[:2], blocks.shape[-1]
        output = tensors.get("output_weight")
        with torch.device("meta"):
            heads = cls(
                count,
                layers,
                hidden,
                None if output is None else output.shape[1],
                sees_root="root_weight" in tensors,
            )
        if output is not None and len(output) == 1:
            heads.output_weight = nn.Parameter(torch.empty_like(output, device="meta"))
        if "token_map" in tensors:
            heads.token_map = tensors["token_map"].new_empty(
                0 if output is None else output.shape[1]
            )
        heads.load_state_dict(dict(tensors), assign=True)
        return heads.requires_grad_(False)

    @property
    def count(self) -> int:
        """Number of heads."""
        return self.block_weight.shape[1]

    @property
    def layers(self) -> int:
        """Residual blocks of each head."""
        return self.block_weight.shape[0]

    @property
    def hidden_size(self) -> int:
        """Width of the hidden state that the heads read."""
        return self.block_weight.shape[-1]

    @property
    def vocabulary(self) -> int | None:
        """Rows of an output matrix of their own."""
        return None if self.output_weight is None else self.output_weight.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self.block_weight.dtype

    def rooted(self, hidden: Tensor, embeddings: Tensor) -> Tensor:
        """Return what heads that see the root read, for ``hidden`` and its roots' ones [n, H]."""
        assert self.root_weight is not None, "they see the root"
        return hidden + functional.linear(embeddings, self.root_weight)

    def blocks(self, hidden: Tensor, heads: int) -> Tensor:
        """Return what enters the output matrices, [heads, n, H], for ``hidden`` [n, H]."""
        x = hidden.expand(heads, *hidden.shape)
        for weight, bias in zip(self.block_weight, self.block_bias, strict=True):
            x = x + functional.silu(
                torch.baddbmm(bias[:heads, None], x, weight[:heads].transpose(1, 2))
            )
        return x

    def forward(self, hidden: Tensor, output: Any, heads: int | None = None) -> Tensor:
        """Return the logits [heads, n, V] of the first ``heads`` heads for ``hidden`` [n, H].

        ``output`` is the base's output matrix, used by heads that share it.
        """
        x = self.blocks(hidden, self.count if heads is None else heads)
        if self.output_weight is None:
            logits: Tensor = output(x.flatten(0, 1))
            return logits.view(*x.shape[:2], -1)
        if self.output_weight.shape[0] == 1:
            return functional.linear(x, self.output_weight[0])
        return torch.bmm(x, self.output_weight[: x.shape[0]].transpose(1, 2))


def root_table(weight: Tensor, embedding: Tensor, dtype: torch.dtype) -> Tensor:
    """Return A e of every token, [V, H], for A ``weight`` [H, H] and the ``embedding`` [V, H].

    On the embedding's device, in ``dtype``, and made in float32 a few rows at a time.
    """
    table = torch.empty(embedding.shape, dtype=dtype, device=embedding.device)
    matrix = weight.detach().to(embedding.device, torch.float32).T
    pieces = torch.split(embedding.detach(), _PIECE_ROWS)
    for into, rows in zip(torch.split(table, _PIECE_ROWS), pieces, strict=True):
        into.copy_(rows.float() @ matrix)
    return table
