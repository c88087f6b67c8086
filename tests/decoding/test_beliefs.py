"""The long average of accepted tokens, and what is believed where little was seen."""

from __future__ import annotations

import pytest

from medusa_chat.decoding import beliefs
from medusa_chat.decoding.beliefs import Beliefs
from medusa_chat.decoding.experience import Acceptance


def test_a_step_tells_of_all_smaller_trees() -> None:
    seen = Beliefs({})
    seen.add(8, [1, 3, 7])
    seen.add(4, [])
    assert seen.known == {
        2: Acceptance(1.5, 2),
        4: Acceptance(2.0, 2),
        6: Acceptance(3.0, 1),
        8: Acceptance(4.0, 1),
    }


def test_an_average_goes_on_where_it_was() -> None:
    seen = Beliefs({2: Acceptance(2.0, 3)})
    seen.add(2, [])
    assert seen.known == {2: Acceptance(1.75, 4)}


def test_old_replies_count_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beliefs, "_MEMORY_STEPS", 10)
    monkeypatch.setattr(beliefs, "_MOST_UNCOUNTED", 7)
    seen = Beliefs({2: Acceptance(1.0, 10)})
    for _ in range(100):
        seen.add(2, [1])
    assert seen.known[2].tokens == pytest.approx(2.0, abs=0.001)
    assert seen.known[2].steps == 10


def test_little_evidence_is_no_better_than_a_guess() -> None:
    seen = Beliefs({2: Acceptance(1.1, 50), 4: Acceptance(3.0, 2), 8: Acceptance(1.6, 50)})
    sizes, guesses = (1, 2, 4, 6, 8), (1.0, 1.35, 1.7, 1.8, 2.0)
    assert seen.believed(sizes, guesses) == [1.0, 1.1, 1.7, 1.8, 1.8]
