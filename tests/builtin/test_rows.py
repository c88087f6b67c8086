"""Rows to train on: every chat whole, and in one row alone."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest


def test_rows_hold_whole_chats_one_after_another() -> None:
    rows: Any = importlib.import_module("rows")
    lengths = [5, 120, 255, 256, 257, 400, 512, 700, 1024, 1025] * 40
    documents = [
        (np.full(length, number + 1, dtype=np.uint16), np.ones(length, dtype=np.float32))
        for number, length in enumerate(lengths)
    ]
    batches = rows.packed(documents, 0, 2048, np.random.default_rng(0))
    seen: dict[int, int] = {}
    for batch in batches:
        assert batch.tokens.numel() == 2048
        assert bool(((batch.tokens > 0) == (batch.weights > 0)).all())
        for row in batch.tokens.tolist():
            numbers = [number for number in dict.fromkeys(row) if number]
            for number in numbers:
                assert number not in seen, "a chat stands in one row"
                seen[number] = row.count(number)
                start = row.index(number)
                assert row[start : start + seen[number]] == [number] * seen[number]
    assert all(lengths[number - 1] == count for number, count in seen.items()), "none is cut"
    # What fills no batch waits for another round; what is longer than any row is left out.
    assert sum(seen.values()) > 0.8 * sum(length for length in lengths if length <= 1024)
    assert not any(lengths[number - 1] > 1024 for number in seen)


def test_a_seed_lays_the_same_rows() -> None:
    rows: Any = importlib.import_module("rows")
    documents = [
        (np.full(60, number, dtype=np.uint16), np.ones(60, dtype=np.float32))
        for number in range(1, 200)
    ]
    first, again, other = (
        next(rows.endless(documents, 0, 1024, seed)).tokens for seed in (1, 1, 2)
    )
    assert first.equal(again)
    assert not first.equal(other)


def test_chats_that_fill_no_batch_end_the_training() -> None:
    rows: Any = importlib.import_module("rows")
    few = [(np.full(60, 1, dtype=np.uint16), np.ones(60, dtype=np.float32))] * 3
    with pytest.raises(ValueError, match="3 chats do not fill a batch of 8192 tokens"):
        next(rows.endless(few, 0, 8192, 1))
