"""Rows as a tree reads them: kept until they change, and without what heads do not know."""

from __future__ import annotations

from math import exp

import pytest
import torch

from medusa_chat.decoding import raised_rows
from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.raised_rows import RaisedRows

VOCABULARY = 40


def table() -> BigramTable:
    made = BigramTable(VOCABULARY, torch.device("cpu"))
    logits = torch.randn(5, VOCABULARY, generator=torch.Generator().manual_seed(2)) * 3
    made.add([4, 9, 4, 7, 9], logits)
    return made


def test_every_token_is_raised_by_its_lift() -> None:
    known, chances = table(), [0.5 + token for token in range(VOCABULARY)]
    row = RaisedRows(known, 0.3, range(VOCABULARY)).of(2)
    ids, lifts = known.row(2)
    assert row.ids == ids
    assert list(row.read(chances)) == [0.5 + token for token in ids]
    assert row.factors == pytest.approx([exp(0.3 * lift) for lift in lifts])
    assert (row.follower, row.is_unknown) == (4, False)


@pytest.mark.parametrize("knows_follower", [False, True])
def test_tokens_without_a_column_are_left_out(knows_follower: bool) -> None:
    known = table()
    ids, lifts = known.row(2)
    columns = [-1] * VOCABULARY
    columns[ids[3]], columns[ids[5]] = 1, 0
    if knows_follower:
        columns[ids[0]] = 2
    row = RaisedRows(known, 0.3, columns).of(2)
    places = [0, 3, 5] if knows_follower else [3, 5]
    assert row.ids == [ids[place] for place in places]
    assert row.factors == pytest.approx([exp(0.3 * lifts[place]) for place in places])
    assert list(row.read([10.0, 11.0, 12.0])) == [12.0, 11.0, 10.0][-len(places) :]
    assert (row.follower, row.is_unknown) == (ids[0], not knows_follower)


@pytest.mark.parametrize("columns", [[-1] * VOCABULARY, [*[-1] * 4, 0, *[-1] * 35]])
def test_a_row_may_have_one_token_left_or_none(columns: list[int]) -> None:
    row = RaisedRows(table(), 0.3, columns).of(2)
    assert list(row.read([0.25])) == [0.25] * len(row.ids)
    assert row.ids in ([], [4])


def test_the_last_row_is_read_anew_for_every_root() -> None:
    known = table()
    rows = RaisedRows(known, 1.0, range(VOCABULARY))
    for root in (3, 8):
        known.put_root(root)
        assert rows.of(5).follower == root
        assert rows.of(4).follower == 9


def test_a_high_weight_overflows_nothing() -> None:
    assert max(RaisedRows(table(), 100.0, range(VOCABULARY)).of(2).factors) < 1e36


def test_no_more_rows_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raised_rows, "_MOST_KEPT", 2)
    rows = RaisedRows(table(), 1.0, range(VOCABULARY))
    first = [rows.of(slot) for slot in (1, 2, 3)]
    assert rows.of(3) is first[2]
    assert rows.of(1) is not first[0]
