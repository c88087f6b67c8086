"""The bigram table: the model's last opinion after each token, cut back with the conversation."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import FLOOR, ROW_TOKENS, BigramTable

CPU = torch.device("cpu")
VOCABULARY = 100


def logits(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


def table_of(tokens: list[int], rows: Tensor) -> BigramTable:
    table = BigramTable(VOCABULARY, CPU)
    table.add(tokens, rows)
    return table


def row(table: BigramTable, slot: int) -> dict[int, float]:
    ids, lifts = table.ids[slot].tolist(), table.lifts[slot].tolist()
    assert len(set(ids)) == table.row_tokens
    return dict(zip(ids, lifts, strict=True))


def test_a_row_holds_the_likeliest_tokens_and_their_log_probabilities() -> None:
    rows = logits(3)
    table = table_of([5, 6, 7], rows)
    expected = rows[2].log_softmax(-1)
    best = expected.topk(ROW_TOKENS)
    kept = row(table, 3)
    assert set(kept) == set(best.indices.tolist())
    for token, lift in kept.items():
        assert lift == pytest.approx(max(0.0, expected[token].item() - FLOOR), abs=1e-5)


def test_the_last_place_of_a_token_holds() -> None:
    table = table_of([5, 6, 5, 5, 9], logits(5))
    assert [table.latest[token].item() for token in (5, 6, 9, 1)] == [4, 2, 5, 0]
    table.add([6], logits(1))
    assert table.latest[6] == 6


def test_what_followed_comes_first_in_a_row() -> None:
    rows = logits(4)
    unlikely = int(rows[1].argmin())
    tokens = [5, 6, unlikely, 8]
    table = table_of(tokens, rows)
    assert table.ids[1:4, 0].tolist() == tokens[1:]
    # One that the model did not think of has no lift, and drives out the least of the others.
    assert row(table, 2)[unlikely] == 0
    assert (
        len(set(row(table, 2)) & set(rows[1].topk(ROW_TOKENS).indices.tolist())) == ROW_TOKENS - 1
    )
    table.put_root(9)
    assert table.ids[4, 0] == 9
    table.put_root(10)
    assert table.ids[4, 0] == 10


def test_appended_in_any_pieces_it_is_the_same() -> None:
    tokens = random.Random(1).choices(range(20), k=40)
    rows = logits(40)
    whole = table_of(tokens, rows)
    pieces = BigramTable(VOCABULARY, CPU)
    for start, end in ((0, 1), (1, 2), (2, 17), (17, 18), (18, 40)):
        pieces.put_root(tokens[start])
        pieces.add(tokens[start:end], rows[start:end])
    assert torch.equal(pieces.latest, whole.latest)
    for slot in range(1, 40):
        assert row(pieces, slot) == pytest.approx(row(whole, slot))
        assert pieces.ids[slot, 0] == whole.ids[slot, 0]


def test_cut_back_it_is_what_it_was() -> None:
    tokens = random.Random(2).choices(range(20), k=300)
    rows = logits(300)
    table, shorter = table_of(tokens, rows), table_of(tokens[:80], rows[:80])
    table.truncate(80)
    assert table.length == 80
    assert torch.equal(table.latest, shorter.latest)
    for one in (table, shorter):
        one.put_root(3)
        one.add([3, 4], rows[80:82])
    assert torch.equal(table.latest, shorter.latest)
    assert row(table, 82) == pytest.approx(row(shorter, 82))


def test_a_part_without_logits_is_known_by_its_tokens_alone() -> None:
    table = BigramTable(VOCABULARY, CPU)
    table.add([50, 51, 52], None)
    assert table.latest[51] == 2
    assert table.ids[2, 0] == 52
    assert table.lifts[:4].abs().sum() == 0
    assert len(row(table, 2)) == ROW_TOKENS


def test_tokens_that_the_model_cannot_say_do_no_harm() -> None:
    table = BigramTable(VOCABULARY, CPU)
    table.add([5, VOCABULARY + 7], None)
    table.put_root(VOCABULARY + 9)
    assert int(table.ids.max()) < VOCABULARY


def test_memory_grows_with_the_conversation_and_stays_where_it_does() -> None:
    table = BigramTable(VOCABULARY, CPU)
    rows = logits(50)
    for _ in range(40):
        table.truncate(100)
        while table.length < 500:
            table.add(random.Random(3).choices(range(VOCABULARY), k=50), rows)
    assert table.tokens.shape[0] == table.ids.shape[0] == table.lifts.shape[0] <= 1024
