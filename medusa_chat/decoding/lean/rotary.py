"""Rotary embeddings, from the frequencies of the loaded model. Shapes: P positions, D head dim."""

from __future__ import annotations

import torch
from torch import Tensor


class Rotary:
    """Cosines and signed sines of positions from 0 on, kept for as many as the cache has rows.

    ``frequencies`` [D / 2] and ``scaling`` are the model's own, whatever its rope scaling made of
    them, as long as they don't depend on the length of the text.
    """

    def __init__(self, frequencies: Tensor, scaling: float, dtype: torch.dtype) -> None:
        self._frequencies = frequencies.float()
        self._scaling = scaling
        self._dtype = dtype
        self._table = self._computed(0)

    def at(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and signed sines [n, 1, D] of ``positions`` [n]."""
        cos, sin = self._table.index_select(0, positions).unbind(1)
        return cos, sin

    def reach(self, positions: int) -> None:
        """Be ready for ``positions`` positions."""
        if self._table.shape[0] < positions:
            self._table = self._computed(positions)

    def _computed(self, positions: int) -> Tensor:
        numbers = torch.arange(positions, device=self._frequencies.device)
        angles = numbers[:, None].float() * self._frequencies
        cos, sin = angles.cos() * self._scaling, angles.sin() * self._scaling
        # The sign that turns a half of the vector belongs to the sine, so that a step need only
        # roll the halves past each other.
        both = torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)], 1)
        return both[:, :, None].to(self._dtype)


def rotate_(states: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Rotate ``states`` [n, heads, D] in place."""
    rolled = states.roll(states.shape[-1] // 2, -1)
    states.mul_(cos).addcmul_(rolled, sin)
