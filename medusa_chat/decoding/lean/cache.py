"""Keys and values of all layers in one tensor, so that compaction is one indexed copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_FIRST_ALLOTMENT = 256


@dataclass(frozen=True, slots=True)
class Places:
    """Of each layer: where a step's rows go, and the keys and values [J, S, D] that it looks at."""

    slots: Sequence[Tensor]
    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    rows: Tensor | None = None
    """Which rows of a slot are written; None for all of them."""

    def put(self, layer: int, states: Tensor) -> None:
        """Write a step's ``states`` [2 J, n, D]."""
        if self.rows is None:
            self.slots[layer].copy_(states)
        else:
            self.slots[layer].index_copy_(1, self.rows, states)


class LeanCache:
    """Rows of one sequence, of which ``length`` are accepted; those behind are a step's.

    ``rows`` [L, 2 J, S, D] holds of each layer the J heads of keys, then those of values. S is a
    power of two that doubles as the text grows, up to ``capacity``, so that a long context costs a
    short chat nothing.
    """

    def __init__(self, layers: int, heads: int, width: int, capacity: int, like: Tensor) -> None:
        self.length = 0
        self.capacity = capacity
        self._heads = heads
        self.rows = like.new_zeros(layers, 2 * heads, 0, width)

    @property
    def allotted(self) -> int:
        """Rows that there is memory for."""
        return self.rows.shape[2]

    def reserve(self, count: int) -> bool:
        """Make room for ``count`` rows behind the accepted ones; tell whether memory grew."""
        needed = self.length + count
        assert needed <= self.capacity, f"{needed} rows in a cache of {self.capacity}"
        if needed <= self.allotted:
            return False
        allotment = _FIRST_ALLOTMENT
        while allotment < needed:
            allotment *= 2
        layers, heads, _, width = self.rows.shape
        grown = self.rows.new_zeros(layers, heads, min(allotment, self.capacity), width)
        grown[:, :, : self.length] = self.rows[:, :, : self.length]
        self.rows = grown
        return True

    def places(self, count: int) -> Places:
        """Return where ``count`` rows go, and the rows up to them."""
        end = self.length + count
        keys, values = torch.split(self.rows[:, :, :end], self._heads, 1)
        slots = self.rows[:, :, self.length : end].unbind(0)
        return Places(slots, keys.unbind(0), values.unbind(0))

    def window(self, count: int) -> int:
        """Return the power of two of rows that a step of ``count`` needs, or all that there are."""
        window = _FIRST_ALLOTMENT
        while window < self.length + count:
            window *= 2
        return min(window, self.allotted)

    def windowed_places(self, rows: Tensor, window: int) -> Places:
        """Return the first ``window`` rows of all, written at ``rows`` [n]: of fixed shape."""
        view = self.rows[:, :, :window]
        keys, values = torch.split(view, self._heads, 1)
        return Places(view.unbind(0), keys.unbind(0), values.unbind(0), rows)

    def keep(self, nodes: Sequence[int]) -> None:
        """Accept some rows of the last step, ``nodes`` ascending; the others are forgotten."""
        start = self.length
        self.length += len(nodes)
        # A chain accepted from its root on already lies where it belongs.
        if nodes[-1] != len(nodes) - 1:
            with torch.inference_mode():
                source = torch.tensor([start + node for node in nodes], device=self.rows.device)
                kept = self.rows.index_select(2, source)
                self.rows.narrow(2, start, len(nodes)).copy_(kept)

    def move(self, path: Tensor, length: Tensor) -> None:
        """Move a step's rows of ``path`` [n] next to the ``length`` [1] accepted ones.

        What ``keep`` does, by operations that a CUDA graph can hold; all of the path is moved, how
        much of it is accepted is for the host to say.
        """
        kept = self.rows.index_select(2, path + length)
        self.rows.index_copy_(2, torch.arange(path.shape[0], device=path.device) + length, kept)

    def accept(self, count: int) -> None:
        """Take note that ``count`` rows more were accepted on the device."""
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget the rows from ``length`` on."""
        assert 0 <= length <= self.length
        self.length = length
