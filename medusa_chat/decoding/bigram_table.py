"""The bigram table: what the model itself thought would follow each token of the conversation.

Kept by position, with the latest position of each token beside it: then a conversation that is cut
back to a shared prefix has the table it had there, and the model's opinion of a longer context can
be looked up as well. S slots, V vocabulary; slot p + 1 belongs to position p, slot 0 to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROW_TOKENS = 8
"""By replay as many are accepted a step as with 16, at 6 to 32 nodes."""
FLOOR = -12.0
"""The log-probability of every token that a row does not hold."""

_FIRST_ROOM = 256
_FEW = 16


HostRow = tuple[list[int], list[float]]
"""Token ids and lifts."""


@dataclass(frozen=True, slots=True)
class HostViews:
    """The tensors of a table on a CPU as NumPy sees them: small changes cost less through it."""

    tokens: NDArray[np.int64]
    ids: NDArray[np.int32]
    lifts: NDArray[np.float32]
    latest: NDArray[np.int64]

    @classmethod
    def of(cls, table: BigramTable) -> HostViews:
        """Return those of ``table``; of one on another device what stays empty."""
        if not table.tokens.is_cpu:
            nothing: NDArray[Any] = np.empty(0)
            return cls(nothing, nothing, nothing, nothing)
        return cls(
            table.tokens.numpy(), table.ids.numpy(), table.lifts.numpy(), table.latest.numpy()
        )


class BigramTable:
    """The table of one conversation. Its memory is bounded by the model's context.

    ``ids`` [S, 8] int32 and ``lifts`` [S, 8] float32: the likeliest tokens after a slot's
    position, and by how much their log-probability is above the floor. The token that did follow
    comes first, likely or not, the others in no order. ``latest`` [V]: the last slot of each token,
    0 for none.
    """

    def __init__(self, vocabulary: int, device: torch.device, room: int = _FIRST_ROOM) -> None:
        """Make room for ``room`` slots at first; it grows with the text."""
        self.row_tokens = min(ROW_TOKENS, vocabulary)
        self.length = 0
        self.moves = 0
        """How often its memory has moved: what is recorded in a CUDA graph is void then."""
        self.tokens = torch.zeros(room, dtype=torch.long, device=device)
        # Where nothing is known the lifts are nothing; the ids differ, as those of any row.
        self.ids = self._unknown(room)
        self.lifts = torch.zeros(self.ids.shape, device=device)
        self.latest = torch.zeros(vocabulary, dtype=torch.long, device=device)
        self._root: int | None = None
        self._most = vocabulary - 1
        self.views = HostViews.of(self)

    def add(self, tokens: Sequence[int], logits: Tensor | None) -> None:
        """Append n ``tokens``, at least one, with the model's ``logits`` [n, V] after each.

        Without logits (a part that was decoded when nothing was drafted from it) their rows know
        nothing.
        """
        first, end = self.length, self.length + len(tokens)
        self.make_room(end + 2)
        known = [self.guessable(token) for token in tokens]
        if self.tokens.is_cpu and len(tokens) < _FEW and logits is not None:
            self._add_on_host(known, logits)
            return
        self.tokens[first:end] = torch.tensor(known, device=self.tokens.device)
        if logits is None:
            self.ids[first + 1 : end + 1] = self.ids[0]
            self.lifts[first + 1 : end + 1] = 0
        else:
            best = logits.log_softmax(-1, dtype=torch.float32).topk(self.row_tokens)
            self.ids[first + 1 : end + 1] = best.indices
            self.lifts[first + 1 : end + 1] = best.values.sub_(FLOOR).clamp_(min=0)
        self.length = end
        self._note(first, end)
        # The token behind a slot stands at the slot's number; slot 0 is no position's.
        self._put_first(first + 1 if self._root == known[0] else max(first, 1), end)
        self._root = None

    def _add_on_host(self, known: list[int], logits: Tensor) -> None:
        """Append the few tokens of a step on a CPU, where lists are faster than tensors."""
        rows = host_rows(logits, self.row_tokens)
        self._put_root_first(known[0])
        for (ids, lifts), followed in zip(rows, known[1:], strict=False):
            bring_to_front(ids, lifts, followed)
        first, end = self.length, self.length + len(known)
        views = self.views
        views.tokens[first:end] = known
        views.ids[first + 1 : end + 1] = [ids for ids, _ in rows]
        views.lifts[first + 1 : end + 1] = [lifts for _, lifts in rows]
        for slot, token in enumerate(known, start=first + 1):
            views.latest[token] = slot
        self.length = end
        self._root = None

    def row(self, slot: int) -> HostRow:
        """Return the ids and lifts of ``slot`` on a CPU."""
        return self.views.ids[slot].tolist(), self.views.lifts[slot].tolist()

    def slot_of(self, token: int) -> int:
        """Return the last slot of ``token`` on a CPU, 0 for none."""
        return int(self.views.latest[token])

    def guessable(self, token: int) -> int:
        """Return ``token``, or another where the model may read but not say it."""
        return min(token, self._most)

    def put_root(self, token: int) -> None:
        """Take note of the next token, certain already, which the model has not answered yet."""
        token = self.guessable(token)
        if token != self._root:
            self.make_room(self.length + 2)
            if self.tokens.is_cpu:
                self.views.tokens[self.length] = token
                self._put_root_first(token)
            else:
                self.tokens[self.length] = token
                self._put_first(max(self.length, 1), self.length + 1)
            self._root = token

    def _put_root_first(self, token: int) -> None:
        """Put what follows the last position first in its row, on a CPU."""
        if self.length and token != self._root:
            ids, lifts = self.views.ids[self.length], self.views.lifts[self.length]
            row, row_lifts = self.row(self.length)
            bring_to_front(row, row_lifts, token)
            ids[:], lifts[:] = row, row_lifts

    def took(self, count: int, next_token: int) -> None:
        """Take note that ``count`` positions and the ``next_token`` were written on the device."""
        self.length += count
        self._root = next_token

    def truncate(self, length: int) -> None:
        """Forget all positions but the first ``length``."""
        if length < self.length:
            self.length = length
            self.latest.zero_()
            self._note(0, length)
        self._root = None

    def _note(self, first: int, end: int) -> None:
        if self.tokens.is_cpu:
            # The last of several assignments to one place holds, in NumPy.
            views = self.views
            views.latest[views.tokens[first:end]] = np.arange(first + 1, end + 1)
            return
        slots = torch.arange(first + 1, end + 1, device=self.latest.device)
        # Of a token that comes more than once the largest slot holds, on every device.
        self.latest.scatter_reduce_(0, self.tokens[first:end], slots, "amax")

    def _put_first(self, start: int, end: int) -> None:
        """Put the token that followed first in each row of the slots from ``start`` to ``end``.

        One that was not among the likeliest takes the place of the last.
        """
        ids, lifts = self.ids[start:end], self.lifts[start:end]
        followed = self.tokens[start:end, None].int()
        place = (ids == followed).int()
        # The last place comes after any other, where there is none.
        found = place.amax(1, keepdim=True)
        place[:, -1] += 1 - found[:, 0]
        column = place.argmax(1, keepdim=True)
        lift = lifts.gather(1, column) * found
        ids.scatter_(1, column, ids[:, :1].clone())
        lifts.scatter_(1, column, lifts[:, :1].clone())
        ids[:, :1] = followed
        lifts[:, :1] = lift

    def make_room(self, slots: int) -> None:
        """Have memory for ``slots`` slots."""
        room = self.tokens.shape[0]
        if slots <= room:
            return
        self.moves += 1
        more = max(room, slots - room)
        self.tokens = torch.cat([self.tokens, self.tokens.new_zeros(more)])
        self.ids = torch.cat([self.ids, self._unknown(more)])
        self.lifts = torch.cat([self.lifts, self.lifts.new_zeros(more, self.row_tokens)])
        self.views = HostViews.of(self)

    def _unknown(self, slots: int) -> Tensor:
        ids = torch.arange(self.row_tokens, dtype=torch.int32, device=self.tokens.device)
        return ids.repeat(slots, 1)


def host_rows(logits: Tensor, row_tokens: int) -> list[HostRow]:
    """Return the row of each of ``logits`` [n, V] on a CPU, the likeliest token first."""
    best = logits.log_softmax(-1, dtype=torch.float32).topk(row_tokens)
    return [
        (ids, [max(value - FLOOR, 0.0) for value in values])
        for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def bring_to_front(ids: list[int], lifts: list[float], token: int) -> None:
    """Let ``token`` change places with the first, or take that of the last, with no lift."""
    try:
        place = ids.index(token)
        lift = lifts[place]
    except ValueError:
        place, lift = -1, 0.0
    ids[place], lifts[place] = ids[0], lifts[0]
    ids[0], lifts[0] = token, lift
