"""Grouped-query attention over the cache, without repeating a key or a value for its group.

Shapes: n rows, H query heads, G of them to each of the J key and value heads, S keys, D head dim.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_GROUPED_ROWS = 128
"""Up to here a mask is repeated for the queries of a group; a prompt's would grow too large."""


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float
) -> Tensor:
    """Return what ``queries`` [n, H, D] find in ``keys`` and ``values`` [J, S, D], [n, H * D].

    ``mask`` from ``mask_of`` is added to the scores; None lets every row see every key.
    """
    count, heads, width = queries.shape
    of_keys = keys.shape[0]
    group = heads // of_keys
    rows = queries.view(count, of_keys, group, width)
    if group > 1 and mask is not None and mask.shape[0] == count:
        found = functional.scaled_dot_product_attention(
            rows.permute(1, 2, 0, 3),
            keys[:, None].expand(-1, group, -1, -1),
            values[:, None].expand(-1, group, -1, -1),
            attn_mask=mask,
            scale=scale,
        )
        return found.permute(2, 0, 1, 3).reshape(count, heads * width)
    # The queries of a group are rows side by side that see the same keys: those are read once.
    found = functional.scaled_dot_product_attention(
        rows.transpose(0, 1).reshape(1, of_keys, count * group, width),
        keys[None],
        values[None],
        attn_mask=mask,
        scale=scale,
    )
    found = found.view(of_keys, count, group, width).transpose(0, 1)
    return found.reshape(count, heads * width)


def windowed_mask(
    sees: Tensor, length: Tensor, window: int, group: int, dtype: torch.dtype
) -> Tensor:
    """Return ``mask_of`` for a window of fixed size, [n * G, window].

    ``length`` [] is the number of keys before the step's own, on the device: a CUDA graph is
    replayed for many lengths. What lies behind the step's own keys is hidden.
    """
    count = sees.shape[0]
    own = torch.arange(window, device=sees.device) - length
    of_step = sees.index_select(1, own.clamp(0, count - 1)) & (own < count)
    mask = torch.zeros(count, window, dtype=dtype, device=sees.device)
    mask.masked_fill_(~(of_step | (own < 0)), -torch.inf)
    return mask.repeat_interleave(group, 0)


def mask_of(sees: Tensor, before: int, group: int, dtype: torch.dtype) -> Tensor:
    """Return the mask of n rows that all see ``before`` keys and, of their own, those of ``sees``.

    ``sees`` [n, n] is true where a row may attend to another. The mask is [n, S] or, for the few
    rows of a step, [n * G, S]. It is additive, as every kernel takes it.
    """
    mask = functional.pad(sees.to(dtype).log_(), (before, 0))
    return mask if sees.shape[0] > _GROUPED_ROWS else mask.repeat_interleave(group, 0)


class StepMasks:
    """``mask_of`` for one step after another, in memory that each writes anew.

    Behind zeros for all keys before a step stands who of its own nodes sees whom: only that is
    written, and as many zeros are shown as there are keys. G rows a node.
    """

    def __init__(self, group: int, dtype: torch.dtype, device: torch.device) -> None:
        self._group = group
        self._nothing = torch.zeros((), dtype=dtype, device=device)
        self._hidden = torch.full((), -torch.inf, dtype=dtype, device=device)
        self._before = self._most = 0
        self._places: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, sees: Tensor, before: int) -> Tensor:
        """Return the mask [n * G, before + n] of n nodes, ``sees`` [n, n]; it lasts for a step."""
        count = sees.shape[0]
        if before > self._before or count > self._most:
            self._grow(before, count)
        places = self._places.get(count)
        if places is None:
            rows = self._memory[:count]
            own = rows[:, :, self._before : self._before + count]
            places = self._places[count] = own, rows.view(count * self._group, -1)
        own, rows = places
        own.copy_(torch.where(sees, self._nothing, self._hidden)[:, None])
        return rows[:, self._before - before : self._before + count]

    def _grow(self, before: int, count: int) -> None:
        self._before = max(self._before, 256, 2 ** (before - 1).bit_length())
        self._most = max(self._most, count)
        width = self._before + self._most
        self._memory = self._nothing.new_zeros(self._most, self._group, width)
        self._places.clear()
