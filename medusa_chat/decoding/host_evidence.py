"""What the heads and the noise of a step say, as a tree on a CPU is grown from it.

A tree reads a few dozen numbers of rows of a thousand. So these stay where torch has put them, and
there is an operation on all of them where it cannot be done without: each takes longer to be
started than to run. D depths, K heads, W tokens that heads know, k guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.raised_rows import RaisedRows


@dataclass(slots=True)
class Level:
    """One depth: the chance of each column, with the noise in it where there is noise.

    ``guesses`` are the chances of the head's best tokens, ``guess_ids``, the likeliest first; none
    where there is no head.
    """

    chances: Sequence[float]
    rows: RaisedRows
    guesses: Sequence[float] = ()
    guess_ids: Sequence[int] = ()


class HostEvidence:
    """The levels of the steps of one reply, in memory that is its own.

    The first ``heads`` depths have one, whose rows of the table are ``head_rows``; the deeper ones
    have ``text_rows``. Heads' logits are divided by ``temperature`` where there is noise.
    """

    def __init__(
        self,
        heads: int,
        guesses: int,
        vocabulary: HeadVocabulary,
        temperature: float,
        head_rows: RaisedRows,
        text_rows: RaisedRows,
    ) -> None:
        self._vocabulary = vocabulary
        self._guesses = min(guesses, vocabulary.width)
        self._temperature = temperature
        self._text_rows = text_rows
        self._probs = torch.zeros(heads, vocabulary.width)
        rows = self._probs.numpy()
        self._of_heads = [Level(row.data, head_rows) for row in rows]
        self._text_chance = 1 / vocabulary.vocabulary
        alike = np.full(vocabulary.vocabulary, self._text_chance, dtype=np.float32)
        self._alike = Level(alike.data, text_rows)
        self._deeper: dict[int, Level] = {}
        self._logits: Tensor | None = None
        self._noise: Tensor | None = None

    @property
    def is_noisy(self) -> bool:
        """Whether the noise of the positions is in the chances."""
        return self._noise is not None

    def begin(self, logits: Tensor | None, noise: Tensor | None) -> None:
        """Take in the heads' ``logits`` [K, W] of a step and its ``noise`` [D, V], if any."""
        self._logits, self._noise = logits, noise
        if noise is not None:
            self._deeper = {}
        if logits is None:
            return
        scores = logits
        if noise is not None:
            of_heads = self._vocabulary.part(noise[: len(self._of_heads)])
            scores = torch.add(of_heads, logits, alpha=1 / self._temperature)
        probs = torch.softmax(scores, -1, dtype=torch.float32, out=self._probs)
        best = probs.topk(self._guesses)
        ids = self._vocabulary.host_ids
        guesses, columns = best.values.tolist(), best.indices.tolist()
        for head, level in enumerate(self._of_heads):
            level.guesses = guesses[head]
            level.guess_ids = [ids[column] for column in columns[head]]

    def level(self, depth: int) -> Level:
        """Return what is said of the children of the nodes at ``depth``."""
        if depth < len(self._of_heads):
            return self._of_heads[depth]
        if self._noise is None:
            return self._alike
        level = self._deeper.get(depth)
        if level is None:
            row = self._noise[depth].softmax(-1).numpy()
            level = self._deeper[depth] = Level(row.data, self._text_rows)
        return level

    def chance(self, depth: int, token: int) -> float:
        """Return the chance of ``token`` as a child of a node at ``depth``, without the noise."""
        if depth >= len(self._of_heads):
            return self._text_chance
        column = self._vocabulary.host_columns[token]
        if column < 0:
            return 0.0
        assert self._logits is not None, "heads have answered"
        scores = self._logits[depth].float() / self._temperature
        return float(torch.softmax(scores, -1)[column])
