"""The tokens that the heads guess among: all of the model's, or the few that were left to them.

Heads whose vocabulary was cut answer with a column for each token that they know. What is done with
a whole row of theirs is done on those columns, a third of the model's or less, and only what comes
of it is turned into token ids. V is the model's vocabulary, W the heads'.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor


class HeadVocabulary:
    """The heads' columns and the model's tokens. ``tokens`` [W] are ids; None is all of them."""

    def __init__(self, vocabulary: int, tokens: Tensor | None = None) -> None:
        self.vocabulary = vocabulary
        self.tokens = tokens
        self.width = vocabulary if tokens is None else tokens.shape[0]
        """Columns of the heads' logits, W."""

    def whole(self, logits: Tensor) -> Tensor:
        """Return ``logits`` [..., W] over all V tokens: minus infinity for those not known."""
        return logits if self.tokens is None else spread(logits, self.tokens, self.vocabulary)

    def part(self, rows: Tensor) -> Tensor:
        """Return of ``rows`` [R, V] the columns of the tokens that are known, [R, W]."""
        return rows if self.tokens is None else rows.index_select(-1, self.tokens)

    def ids(self, columns: Tensor) -> Tensor:
        """Return the token ids of ``columns``."""
        return columns if self.tokens is None else self.tokens[columns]

    @cached_property
    def host_ids(self) -> list[int] | range:
        """The token id of each column."""
        return range(self.width) if self.tokens is None else self.tokens.tolist()

    @cached_property
    def host_columns(self) -> list[int] | range:
        """The column of each token id; -1 for those not known."""
        if self.tokens is None:
            return range(self.vocabulary)
        columns = torch.full((self.vocabulary,), -1)
        columns[self.tokens.cpu()] = torch.arange(self.width)
        return columns.tolist()


def spread(logits: Tensor, token_map: Tensor, vocabulary: int) -> Tensor:
    """Return logits [..., V] over the base's whole vocabulary: minus infinity for other tokens."""
    whole = logits.new_full((*logits.shape[:-1], vocabulary), float("-inf"))
    return whole.index_copy_(-1, token_map, logits)
