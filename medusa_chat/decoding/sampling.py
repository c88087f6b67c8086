"""The model's own choice of the next token: the likeliest, or a seeded draw. V is the vocabulary.

Temperature, then top-k, then top-p, with transformers' conventions: top-k keeps every token that
ties with the k-th; top-p keeps a token while the mass of the likelier ones, among those that top-k
left, is below p. The token drawn is the argmax of log-probability plus the position's noise over
what is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BINS = 4096
"""Of a range of some 14: what is drawn lies in a given one about once in ten thousand times."""
_DRAWS = 2
_ROUNDING = 1e-5
"""Masses of bins are summed in any order."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen. ``temperature`` 0 is greedy; ``top_k`` 0 and ``top_p`` 1 are off.

    ``repetition_penalty`` 1 is off. It depends on the text before, so the logits are penalised
    (``RepetitionPenalty``) before they come to ``choose``.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken, without noise."""
        return self.temperature == 0

    def choose(self, logits: Tensor, noise: Tensor | None) -> Tensor:
        """Return the chosen token [R] of each row of ``logits`` [R, V]; ``noise`` [R, V] or None.

        ``noise`` may be None only when greedy. Ties go to the lowest id, as argmax gives it.
        """
        if self.greedy:
            return logits.argmax(-1)
        assert noise is not None
        scaled = self._scaled(logits)
        drawn = scaled + noise
        chosen = drawn.argmax(-1)
        if self.top_p >= 1:
            return chosen
        # No sort: the first draw is nearly always inside the nucleus. Where it is not, neither is
        # anything as unlikely, so all of that is dropped and the rest drawn from again.
        probs = scaled.softmax(-1)
        while True:
            of_chosen = scaled.gather(-1, chosen[:, None])
            likelier = scaled > of_chosen
            outside = (probs * likelier).sum(-1) >= self.top_p
            if not outside.any():
                return chosen
            drawn = drawn.masked_fill(outside[:, None] & ~likelier, -torch.inf)
            chosen = drawn.argmax(-1)

    def choose_one(self, logits: NDArray[np.float32], noise: NDArray[np.float32] | None) -> int:
        """Return what ``choose`` does for one row [V] on a CPU, several times as fast."""
        if self.greedy:
            return int(logits.argmax())
        assert noise is not None
        scaled = logits / np.float32(self.temperature)
        if 0 < self.top_k < scaled.shape[0]:
            least_kept = np.partition(scaled, -self.top_k)[-self.top_k]
            scaled[scaled < least_kept] = -np.inf
        drawn = scaled + noise
        chosen = int(drawn.argmax())
        likeliest = int(scaled.argmax())
        # The likeliest token is never outside, and is mostly the one that is drawn.
        if self.top_p >= 1 or chosen == likeliest:
            return chosen
        weights = np.exp(scaled - scaled[likeliest])
        limit = self.top_p * float(weights.sum())
        while True:
            likelier = scaled > scaled[chosen]
            if float(weights[likelier].sum()) < limit:
                return chosen
            drawn[~likelier] = -np.inf
            chosen = int(drawn.argmax())

    def choose_on_device(self, logits: Tensor, noise: Tensor | None) -> Tensor:
        """Return what ``choose`` does, by operations that a CUDA graph can hold.

        By bins of like logits it is found which tokens are outside of the nucleus for sure; of the
        one bin that is left in doubt two draws are looked at.
        """
        if self.greedy:
            return logits.argmax(-1)
        assert noise is not None
        scaled = self._scaled(logits)
        drawn = scaled + noise
        if self.top_p >= 1:
            return drawn.argmax(-1)
        probs = scaled.softmax(-1)
        # All tokens beyond the last bin have less than 1 - p together.
        span = math.log(2 * logits.shape[-1] / (1 - self.top_p))
        below = scaled.amax(-1, keepdim=True) - scaled
        bins = below.mul_(_BINS / span).clamp_(max=_BINS - 1).long()
        masses = torch.zeros(logits.shape[0], _BINS, device=logits.device)
        masses = masses.scatter_add_(1, bins, probs).cumsum_(1)
        # The bin in which the mass passes p: all that is less likely is outside.
        doubtful = (masses < self.top_p + _ROUNDING).sum(1, keepdim=True)
        drawn = drawn.masked_fill(bins > doubtful, -torch.inf)
        for _ in range(_DRAWS):
            of_chosen = scaled.gather(-1, drawn.argmax(-1, keepdim=True))
            is_outside = (probs * (scaled > of_chosen)).sum(-1, keepdim=True) >= self.top_p
            drawn = drawn.masked_fill(is_outside & (scaled <= of_chosen), -torch.inf)
        return drawn.argmax(-1)

    def _scaled(self, logits: Tensor) -> Tensor:
        """Return ``logits`` after temperature and top-k."""
        scaled = logits.float() / self.temperature
        if 0 < self.top_k < scaled.shape[-1]:
            least_kept = scaled.topk(self.top_k, dim=-1).values[:, -1:]
            scaled = scaled.masked_fill(scaled < least_kept, -torch.inf)
        return scaled
