"""What a conversation has taught a draft: the model's own distributions, and what was said where.

It is a function of the conversation's tokens, cut back with them; only the count of how often
chains were right goes on until all is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, ChainAcceptance, Match, SuffixLookup


class History:
    """The table, the places and the counts of one conversation."""

    def __init__(self, vocabulary: int, device: torch.device) -> None:
        self._vocabulary = vocabulary
        self._device = device
        self.forget()

    def forget(self) -> None:
        """Begin a conversation of which nothing is known."""
        self.table = BigramTable(self._vocabulary, self._device)
        self.lookup = SuffixLookup()
        self.acceptance = ChainAcceptance()

    @property
    def length(self) -> int:
        """Tokens that it knows."""
        return self.table.length

    @torch.inference_mode()
    def truncate(self, length: int) -> None:
        """Forget all tokens but the first ``length``."""
        self.table.truncate(length)
        self.lookup.truncate(length)

    @torch.inference_mode()
    def add(self, tokens: Sequence[int], logits: Tensor | None) -> None:
        """Append ``tokens``, with the model's ``logits`` [n, V] after each where they are known."""
        if tokens:
            self.table.add(tokens, logits)
            self.lookup.extend(tokens)

    def count_chain(self, match: Match, root: int, came: Sequence[int]) -> None:
        """Count how the chain behind ``root`` at ``match`` did: ``came`` is the text after it."""
        text, slot, length = self.lookup.tokens, match.slot, match.length
        for token in came:
            if slot == 0 or slot > len(text):
                return
            right = (root if slot == len(text) else text[slot]) == token
            self.acceptance.count(length, right=right)
            if not right:
                return
            slot, length = slot + 1, min(length + 1, MOST_MATCHED)
