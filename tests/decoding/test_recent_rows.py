"""What is not in the table yet reads as if it were."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.history import History

CPU = torch.device("cpu")
VOCABULARY = 60
ROOT = 7


def steps(seed: int) -> list[tuple[list[int], Tensor | None]]:
    """Return what some steps accepted, few tokens each; what plain ones did has no logits."""
    draws, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    made: list[tuple[list[int], Tensor | None]] = []
    for _ in range(draws.randrange(1, 12)):
        tokens = draws.choices(range(12), k=draws.randrange(1, 4))
        logits = torch.randn(len(tokens), VOCABULARY, generator=generator) * 3
        made.append((tokens, logits if draws.random() < 0.8 else None))
    return made


@pytest.mark.parametrize("seed", range(12))
def test_rows_are_those_of_the_settled_table(seed: int) -> None:
    before, after = steps(seed), steps(seed + 100)
    history, table = History(VOCABULARY, CPU), BigramTable(VOCABULARY, CPU)
    for tokens, logits in before:
        history.add(tokens, logits)
    history.settle()
    for tokens, logits in after:
        history.add(tokens, logits)
    for tokens, logits in before + after:
        table.add(tokens, logits)
    table.put_root(ROOT)
    recent = history.recent
    recent.root = ROOT
    assert history.table.length < recent.length == table.length
    for token in range(VOCABULARY):
        assert recent.slot_of(token) == table.slot_of(token)
    for slot in range(table.length + 1):
        ids, lifts = recent.row(slot)
        expected_ids, expected_lifts = table.row(slot)
        assert ids[0] == expected_ids[0]
        assert dict(zip(ids, lifts, strict=True)) == pytest.approx(
            dict(zip(expected_ids, expected_lifts, strict=True)), abs=1e-5
        )


def test_the_root_is_read_anew_at_every_draft() -> None:
    history = History(VOCABULARY, CPU)
    history.add([3], torch.zeros(1, VOCABULARY))
    for root in (5, 9):
        history.recent.root = root
        assert history.recent.row(1)[0][0] == root


def test_a_token_that_the_model_cannot_say_is_never_guessed() -> None:
    history = History(VOCABULARY, CPU)
    history.add([3, VOCABULARY + 4], torch.zeros(2, VOCABULARY))
    history.recent.root = VOCABULARY + 9
    assert history.recent.row(1)[0][0] == VOCABULARY - 1
    assert history.recent.row(2)[0][0] == VOCABULARY - 1
    assert history.recent.slot_of(VOCABULARY + 4) == 2


def test_nothing_known_is_nothing_found() -> None:
    history = History(VOCABULARY, CPU)
    assert history.recent.slot_of(5) == 0
    ids, lifts = history.recent.row(0)
    assert len(set(ids)) == len(ids)
    assert not any(lifts)
