"""Rows of the bigram table as trees on a CPU are grown from them: what each token is raised by.

The same rows are read again and again while a reply is drafted, so what is made of one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class RaisedRow:
    """The ``ids`` of a row that have a column, and by how much the chance of each is multiplied.

    ``read`` reads their chances from a row of columns. ``follower`` is the token that followed: it
    comes first, unless it ``is_unknown``, having no column.
    """

    ids: list[int]
    read: Callable[[Any], Iterable[float]]
    factors: list[float]
    follower: int
    is_unknown: bool


class RaisedRows:
    """The ``rows`` of a conversation, whose lifts count ``weight`` times.

    ``columns`` has the column of each token, a negative number for none.
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
        weight, follower = self._weight, ids[0]
        columns = [self._columns[token] for token in ids]
        is_unknown = columns[0] < 0
        if min(columns) < 0:
            known = [place for place, column in enumerate(columns) if column >= 0]
            ids, lifts = [ids[place] for place in known], [lifts[place] for place in known]
            columns = [columns[place] for place in known]
        if weight * -FLOOR > _MOST:
            lifts = [min(lift, _MOST / weight) for lift in lifts]
        factors = [exp(weight * lift) for lift in lifts]
        row = RaisedRow(ids, _reader(columns), factors, follower, is_unknown)
        # The token behind the last position is a root, which is another one at the next draft.
        if slot < self._rows.length:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[slot] = row
        return row


def _reader(places: list[int]) -> Callable[[Any], Iterable[float]]:
    """Return what reads several ``places`` at once."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: [row[place] for place in places]
