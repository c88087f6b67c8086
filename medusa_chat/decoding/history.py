"""What a conversation has taught a draft: the model's own distributions, and what was said where.

It is a function of the conversation's tokens, cut back with them; only the count of how often
chains were right goes on until all is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.raised_rows import RaisedRows
from medusa_chat.decoding.recent_rows import RecentRows
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, ChainAcceptance, Match, SuffixLookup

_FEWEST_UNSETTLED = 32
_UNSETTLED_LOGITS = 2**22
"""Logits that wait to be put into the table, 16 MiB: many at once take less time, and most rows of
a small vocabulary wait until the reply has ended."""


class History:
    """The table, the places and the counts of one conversation."""

    def __init__(
        self, vocabulary: int, device: torch.device, most_tokens: int | None = None
    ) -> None:
        """Have room for ``most_tokens`` from the start, or as the text grows."""
        self.table = BigramTable(
            vocabulary, device, *([] if most_tokens is None else [most_tokens])
        )
        self._most_unsettled = max(_FEWEST_UNSETTLED, _UNSETTLED_LOGITS // vocabulary)
        self.forget()

    def forget(self) -> None:
        """Begin a conversation of which nothing is known."""
        self.table.truncate(0)
        self.lookup = SuffixLookup()
        self.acceptance = ChainAcceptance()
        self._unsettled: list[tuple[Sequence[int], Tensor | None]] = []
        self.recent = RecentRows(self.table)
        """The table with what is unsettled, for drafts on a CPU."""

    def raised_rows(self, weight: float, columns: Sequence[int]) -> RaisedRows:
        """Return the ``recent`` rows for one reply's drafts, whose lifts count ``weight`` times."""
        return RaisedRows(self.recent, weight, columns)

    @property
    def length(self) -> int:
        """Tokens that it knows."""
        return len(self.lookup.tokens)

    @torch.inference_mode()
    def truncate(self, length: int) -> None:
        """Forget all tokens but the first ``length``."""
        self.settle()
        self.table.truncate(length)
        self.lookup.truncate(length)

    def add(self, tokens: Sequence[int], logits: Tensor | None) -> None:
        """Append ``tokens``, with the model's ``logits`` [n, V] after each where they are known.

        The logits are kept until the history is settled: a few rows of them, or of a small
        vocabulary many.
        """
        if tokens:
            self.lookup.extend(tokens)
            self.recent.add(tokens, logits)
            if logits is None and self._unsettled and self._unsettled[-1][1] is None:
                tokens = [*self._unsettled.pop()[0], *tokens]
            self._unsettled.append((tokens, logits))
            if self.length - self.table.length >= self._most_unsettled:
                self.settle()

    def took(self, tokens: Sequence[int], next_token: int) -> None:
        """Append ``tokens`` that the table has taken in already, the ``next_token`` too."""
        self.lookup.extend(tokens)
        self.table.took(len(tokens), next_token)

    @torch.inference_mode()
    def settle(self) -> None:
        """Put into the table what was added. Steps that draft nothing leave that for later."""
        unsettled, self._unsettled = self._unsettled, []
        self.recent.clear()
        rows = [logits for _, logits in unsettled if logits is not None]
        if len(rows) == len(unsettled) > 1:
            tokens = [token for some, _ in unsettled for token in some]
            unsettled = [(tokens, torch.cat(rows))]
        for some, logits in unsettled:
            self.table.add(some, logits)

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
