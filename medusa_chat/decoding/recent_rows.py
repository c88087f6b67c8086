"""The bigram table with what was not put into it yet: a row is made when it is first asked for.

Most never are, for only the last row of each token is drafted from; and many at once are put into
the table in the time that a few take.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from medusa_chat.decoding.bigram_table import BigramTable, HostRow, bring_to_front, host_rows


class RecentRows:
    """What a draft on a CPU is grown from: a ``table``, and the tokens after it.

    ``root`` is the token after all of them, which is certain already.
    """

    def __init__(self, table: BigramTable) -> None:
        self.root = 0
        self._table = table
        self.clear()

    def clear(self) -> None:
        """Forget what the table has by now."""
        self._tokens: list[int] = []
        self._logits: list[tuple[Tensor, int] | None] = []
        self._rows: dict[int, HostRow] = {}
        self._slots: dict[int, int] = {}

    def add(self, tokens: Sequence[int], logits: Tensor | None) -> None:
        """Append ``tokens``, with the model's ``logits`` [n, V] after each where they are known."""
        slot = self.length
        for number, said in enumerate(tokens):
            slot += 1
            token = self._table.guessable(said)
            self._tokens.append(token)
            self._logits.append(None if logits is None else (logits, number))
            self._slots[token] = slot

    @property
    def length(self) -> int:
        """Positions that are known."""
        return self._table.length + len(self._tokens)

    def slot_of(self, token: int) -> int:
        """Return the last slot of ``token``, 0 for none."""
        token = self._table.guessable(token)
        return self._slots.get(token) or self._table.slot_of(token)

    def row(self, slot: int) -> HostRow:
        """Return the ids and lifts of ``slot``, the token that followed first."""
        behind = slot - self._table.length
        if behind < 0 or slot == 0:
            return self._table.row(slot)
        row = self._rows.get(slot) if behind else self._table.row(slot)
        if row is None:
            row = self._rows[slot] = self._made(behind - 1)
        ids, lifts = row[0].copy(), row[1].copy()
        is_last = behind == len(self._tokens)
        followed = self._table.guessable(self.root) if is_last else self._tokens[behind]
        bring_to_front(ids, lifts, followed)
        return ids, lifts

    def _made(self, number: int) -> HostRow:
        of_token = self._logits[number]
        if of_token is None:
            return self._table.row(0)
        logits, at = of_token
        (row,) = host_rows(logits[at : at + 1], self._table.row_tokens)
        return row
