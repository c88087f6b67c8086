"""Rows of the bigram table as trees on a CPU are grown from them: what each token is raised by.

The same rows are read again and again while a reply is drafted, so what is made of one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import exp
from operator import itemgetter
from typing import Any, Protocol

from medusa_chat.decoding.bigram_table import FLOOR

_MOST = 80.0
"""The exponential of this is finite, whatever it is multiplied with."""
_MOST_KEPT = 2048
"""Rows that are kept, of some 2 kB each."""


class Rows(Protocol):
    """What the conversation has taught of the tokens that follow one another."""

    @property
    def length(self) -> int:
        """Positions that are known."""

    def row(self, slot: int) -> tuple[list[int], list[float]]:
        """Return the ids and lifts of ``slot``, the token that followed first."""

    def slot_of(self, token: int) -> int:
        """Return the last slot of ``token``, 0 for none."""


RaisedRow = tuple[list[int], frozenset[int], Callable[[Any], Iterable[float]], list[float]]
"""Token ids, the one that followed first; the same as a set; what reads their weights from a row of
columns; and by how much each is multiplied."""


class RaisedRows:
    """The ``rows`` of a conversation, whose lifts count ``weight`` times.

    ``columns`` says where each token's weight is found.
    """

    def __init__(self, rows: Rows, weight: float, columns: Sequence[int]) -> None:
        self._rows = rows
        self._weight = weight
        self._columns = columns
        self._kept: dict[int, RaisedRow] = {}

    def of(self, slot: int) -> RaisedRow:
        """Return the row of ``slot``."""
        return self._kept.get(slot) or self._made(slot)

    def _made(self, slot: int) -> RaisedRow:
        ids, lifts = self._rows.row(slot)
        weight, columns = self._weight, self._columns
        if weight * -FLOOR > _MOST:
            lifts = [min(lift, _MOST / weight) for lift in lifts]
        factors = [exp(weight * lift) for lift in lifts]
        row = ids, frozenset(ids), itemgetter(*[columns[token] for token in ids]), factors
        # The token behind the last position is a root, which is another one at the next draft.
        if slot < self._rows.length:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[slot] = row
        return row
