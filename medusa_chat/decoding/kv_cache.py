"""Keys and values of the accepted prefix, and behind it those of the tree being checked.

All use of transformers' cache classes is in this file. The buffers are ours, one tensor of keys and
one of values for all layers, so that compaction is two copies: a step writes its nodes behind the
prefix, and keeps some of them by moving their rows next to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

_FIRST_ALLOTMENT = 256


class TreeCache:
    """The cache of one sequence of up to ``capacity`` rows, of which ``length`` are accepted.

    Memory grows by doubling up to ``capacity``, so that a long context costs a short chat nothing.
    """

    def __init__(self, layers: int, capacity: int) -> None:
        self.length = 0
        self.capacity = capacity
        self.keys = _Rows(layers, capacity)
        self.values = _Rows(layers, capacity)
        self.for_transformers = Cache(layers=[_Layer(self, index) for index in range(layers)])

    def keep(self, nodes: Sequence[int]) -> None:
        """Accept some rows of the last step, ``nodes`` ascending; the others are forgotten."""
        start = self.length
        self.length += len(nodes)
        # A chain accepted from its root on already lies where it belongs.
        if nodes[-1] != len(nodes) - 1:
            self.keys.move(start, nodes)
            self.values.move(start, nodes)

    def truncate(self, length: int) -> None:
        """Forget the rows from ``length`` on."""
        assert 0 <= length <= self.length
        self.length = length


class _Rows:
    """One tensor [L, 1, heads, S, head dim] for all layers that are like the first to write.

    A layer of another shape or on another device has a tensor of its own, with L = 1.
    """

    def __init__(self, layers: int, capacity: int) -> None:
        self._layers = layers
        self._capacity = capacity
        self._shared: Tensor | None = None
        self._own: dict[int, Tensor] = {}

    def write(self, layer: int, states: Tensor, start: int) -> Tensor:
        """Put ``states`` [1, heads, n, dim] behind ``start`` rows; return all of them as a view."""
        end = start + states.shape[-2]
        assert end <= self._capacity, f"{end} rows in a cache of {self._capacity}"
        if self._shared is None:
            self._shared = _grown(None, self._layers, states, end, self._capacity)
        if _alike(self._shared, states) and layer not in self._own:
            if self._shared.shape[-2] < end:
                self._shared = _grown(self._shared, self._layers, states, end, self._capacity)
            storage = self._shared[layer]
        else:
            own = self._own.get(layer)
            if own is None or own.shape[-2] < end:
                own = self._own[layer] = _grown(own, 1, states, end, self._capacity)
            storage = own[0]
        storage[:, :, start:end] = states
        return storage[:, :, :end]

    def move(self, start: int, rows: Sequence[int]) -> None:
        """Move ``rows`` (counted from ``start``) to ``start`` and the places behind it."""
        for buffer in (self._shared, *self._own.values()):
            if buffer is not None:
                source = torch.tensor(rows, device=buffer.device) + start
                buffer[..., start : start + len(rows), :] = buffer.index_select(-2, source)


def _alike(buffer: Tensor, states: Tensor) -> bool:
    return (
        buffer.shape[1:3] == states.shape[:2]
        and buffer.shape[-1] == states.shape[-1]
        and buffer.device == states.device
        and buffer.dtype == states.dtype
    )


def _grown(old: Tensor | None, layers: int, like: Tensor, rows: int, capacity: int) -> Tensor:
    allotment = _FIRST_ALLOTMENT
    while allotment < rows:
        allotment *= 2
    batch, heads, _, dim = like.shape
    buffer = like.new_zeros(layers, batch, heads, min(allotment, capacity), dim)
    if old is not None:
        buffer[..., : old.shape[-2], :] = old
    return buffer


class _Layer(CacheLayerMixin):  # type: ignore[misc]  # transformers ships no types
    """One layer of a TreeCache, as transformers' attention asks for it."""

    # Never a rolling buffer: a tree could not be moved in one. Contexts end at the window instead.
    is_sliding = False

    def __init__(self, cache: TreeCache, index: int) -> None:
        super().__init__()
        self.is_initialized = True
        self._cache = cache
        self._index = index

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Do nothing: storage is allotted by the first write."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write a step's rows behind the prefix; return the keys and values to attend to."""
        length = self._cache.length
        return (
            self._cache.keys.write(self._index, key_states, length),
            self._cache.values.write(self._index, value_states, length),
        )

    def get_seq_length(self) -> int:
        """Return the accepted rows."""
        return self._cache.length

    def get_max_length(self) -> int:
        """Return the most rows there can be."""
        return self._cache.capacity

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the rows that ``update`` will return for a step, and the offset of the first."""
        return self._cache.length + query_length, 0
