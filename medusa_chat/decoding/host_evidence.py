"""What the heads and the noise of a step say, as a tree on a CPU is grown from it.

Weights are left as exponentials beside their sum: of a row of a thousand numbers a tree reads a few
dozen, so it is the sum that is divided by. D depths, K heads, W tokens that heads know, k guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.raised_rows import RaisedRows

Numbers = NDArray[np.float32]


@dataclass(slots=True)
class Level:
    """One depth. ``weights`` of all columns add up to ``total``; the noise is in them.

    ``guesses`` are the weights of the head's best tokens, ``guess_ids``, the likeliest first; none
    where there is no head. ``scores`` [W] are the head's logits without the noise where there is
    noise; None where all tokens are alike without it.
    """

    weights: Sequence[float]
    total: float
    guesses: Sequence[float]
    guess_ids: Sequence[int]
    rows: RaisedRows
    columns: Sequence[int]
    noisy: bool
    scores: Numbers | None = None
    _sum: float = 0.0
    _peak: float = 0.0

    def chance(self, token: int) -> float:
        """Return the probability of ``token`` without the noise."""
        scores = self.scores
        if scores is None:
            return 1 / len(self.columns)
        if not self._sum:
            self._peak = float(scores.max())
            self._sum = float(np.exp(scores - self._peak).sum())
        column = self.columns[token]
        # A token that the head does not know.
        if column >= scores.shape[0]:
            return 0.0
        return exp(float(scores[column]) - self._peak) / self._sum


class HostEvidence:
    """Makes the levels of each step of one reply, in memory that is its own.

    The first ``heads`` depths have one, whose rows of the table are ``head_rows``; the deeper ones
    have ``text_rows``.
    """

    def __init__(
        self,
        heads: int,
        guesses: int,
        vocabulary: HeadVocabulary,
        head_rows: RaisedRows,
        text_rows: RaisedRows,
    ) -> None:
        self._heads = heads
        self._vocabulary = vocabulary
        self._guesses = min(guesses, vocabulary.width)
        self._head_rows, self._text_rows = head_rows, text_rows
        # The last column is that of the tokens that no head knows.
        kept = np.zeros((heads, vocabulary.width + 1), dtype=np.float32)
        self._weights: Numbers = kept[:, :-1]
        self._views = [row.data for row in kept]
        self._all = range(vocabulary.vocabulary)
        self._alike = np.ones(vocabulary.vocabulary, dtype=np.float32).data
        self._noise: Numbers | None = None
        self._levels: list[Level] = []

    def begin(self, logits: Tensor | None, temperature: float, noise: Tensor | None) -> None:
        """Take in the heads' ``logits`` [K, W] of a step and its ``noise`` [D, V], if any."""
        self._levels = []
        self._noise = None if noise is None else noise.numpy()
        if logits is None:
            return
        scores = logits.float()
        drawn: Numbers = scores.numpy()
        plain: Numbers | None = None
        if self._noise is not None:
            plain = drawn / np.float32(temperature)
            known, of_heads = self._vocabulary.host_tokens, self._noise[: self._heads]
            drawn = plain + (of_heads if known is None else of_heads.take(known, 1))
            scores = torch.from_numpy(drawn)
        best = scores.topk(self._guesses)
        values: Numbers = best.values.numpy()
        peaks, weights = values[:, :1], self._weights
        np.subtract(drawn, peaks, out=weights)
        np.exp(weights, out=weights)
        ids = self._vocabulary.host_ids
        for head, (total, guesses, columns) in enumerate(
            zip(
                weights.sum(1).tolist(),
                np.exp(values - peaks).tolist(),
                best.indices.tolist(),
                strict=True,
            )
        ):
            level = Level(
                self._views[head],
                total,
                guesses,
                [ids[column] for column in columns],
                self._head_rows,
                self._vocabulary.host_columns,
                plain is not None,
                None if plain is None else plain[head],
            )
            self._levels.append(level)

    def level(self, depth: int) -> Level:
        """Return what is said of the nodes whose parents are at ``depth``."""
        levels = self._levels
        while depth >= len(levels):
            levels.append(self._without_head(len(levels)))
        return levels[depth]

    def _without_head(self, depth: int) -> Level:
        """Return a depth that no head guesses: all tokens are alike, but for the noise."""
        noise = self._noise
        if noise is None:
            total = float(len(self._all))
            return Level(self._alike, total, (), (), self._text_rows, self._all, noisy=False)
        weights = np.exp(noise[depth] - noise[depth].max())
        total = float(weights.sum())
        return Level(weights.data, total, (), (), self._text_rows, self._all, noisy=True)
