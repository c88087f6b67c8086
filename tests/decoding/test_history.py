"""What a conversation has taught: settled when it is drafted from, the same in any pieces."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from medusa_chat.decoding.history import History
from medusa_chat.decoding.suffix_lookup import ChainAcceptance, Match

CPU = torch.device("cpu")
TEXT = random.Random(0).choices(range(20), k=60)
ROWS = torch.randn(60, 50, generator=torch.Generator().manual_seed(0))


def history_of(pieces: list[tuple[int, int]], *, without: frozenset[int] = frozenset()) -> History:
    history = History(50, CPU)
    for start, end in pieces:
        rows: Tensor | None = None if start in without else ROWS[start:end]
        history.add(TEXT[start:end], rows)
    history.settle()
    return history


def assert_same(one: History, other: History) -> None:
    length = one.length
    assert length == other.length == one.table.length == other.table.length
    assert one.lookup.tokens == other.lookup.tokens
    assert torch.equal(one.table.latest, other.table.latest)
    for ours, theirs in ((one.table.ids, other.table.ids), (one.table.lifts, other.table.lifts)):
        assert torch.allclose(
            ours[: length + 1].double().sort().values, theirs[: length + 1].double().sort().values
        )


def test_in_any_pieces_it_is_the_same() -> None:
    singly = history_of([(place, place + 1) for place in range(60)])
    assert_same(history_of([(0, 60)]), singly)
    assert_same(history_of([(0, 1), (1, 4), (4, 5), (5, 40), (40, 60)]), singly)


def test_what_was_added_counts_before_it_is_settled() -> None:
    history = History(50, CPU)
    history.add(TEXT[:3], ROWS[:3])
    assert (history.length, history.table.length) == (3, 0)
    history.settle()
    assert (history.length, history.table.length) == (3, 3)


def test_of_a_large_vocabulary_only_a_few_rows_are_kept_unsettled() -> None:
    history, unsettled = History(2**18, CPU), []
    for _ in range(40):
        history.add([7], torch.zeros(1, 2**18))
        unsettled.append(history.length - history.table.length)
    assert max(unsettled) == 31
    assert unsettled[31] == 0


def test_rows_of_a_small_vocabulary_wait_for_the_end_of_a_reply() -> None:
    history = History(50, CPU)
    for place in range(60):
        history.add(TEXT[place : place + 1], ROWS[place : place + 1])
    assert history.table.length == 0
    history.settle()
    assert_same(history, history_of([(0, 60)]))


def test_parts_without_logits_stand_between_others() -> None:
    mixed = history_of([(0, 3), (3, 6), (6, 8)], without=frozenset([3]))
    assert (mixed.table.lifts[1:9].amax(1) > 0).tolist() == [True] * 3 + [False] * 3 + [True] * 2


def test_cut_back_unsettled_it_is_what_it_was() -> None:
    history = History(50, CPU)
    history.add(TEXT[:5], ROWS[:5])
    history.truncate(3)
    history.add(TEXT[3:10], ROWS[3:10])
    history.settle()
    assert_same(history, history_of([(0, 10)]))


def test_a_chain_is_counted_as_far_as_it_held() -> None:
    history = History(50, CPU)
    history.add([1, 2, 3, 4, 9, 1, 2], None)
    counted = ChainAcceptance()
    # Behind the root, 3, came 4 as before, then not 9.
    history.count_chain(Match(3, 3), 3, [4, 7, 9])
    counted.count(3, right=True)
    counted.count(4, right=False)
    assert history.acceptance.odds() == counted.odds()


def test_a_chain_may_run_into_the_root() -> None:
    history = History(50, CPU)
    history.add([8, 5], None)
    counted = ChainAcceptance()
    history.count_chain(Match(2, 1), 5, [5, 5])
    counted.count(1, right=True)
    assert history.acceptance.odds() == counted.odds()
