"""What is handed to the automatic tree."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.experience import Acceptance
from medusa_chat.tuning.findings import experience_of
from medusa_chat.tuning.measurement import Outcome, Outcomes

PATHS = [[0], [1], [0, 0]]


def outcomes(searched_seconds: float) -> Outcomes:
    return Outcomes(
        1.0,
        (
            Outcome("searched", 2, 1.5, 100, searched_seconds),
            Outcome("searched", 4, 1.8, 80, 9.0),
            Outcome("heads", 2, 1.5, 100, 1.3),
            Outcome("all", 2, 1.6, 90, 1.4),
            Outcome("all", 4, 2.4, 70, 1.6),
        ),
    )


def test_the_grown_kind_is_the_one_that_replies_use() -> None:
    experience = experience_of(outcomes(2.0), "all", PATHS)
    assert experience.grown.seconds == {1: 1.0, 2: 1.4, 4: 1.6}
    assert experience.grown.accepted == {2: Acceptance(1.6, 90), 4: Acceptance(2.4, 70)}


def test_searched_trees_that_are_faster_at_no_size_are_left_out() -> None:
    slow, fast = (
        experience_of(outcomes(1.5), "all", PATHS),
        experience_of(outcomes(1.2), "all", PATHS),
    )
    assert slow.paths == []
    assert slow.searched.seconds == {}
    assert fast.paths == PATHS
    assert fast.searched.seconds == {1: 1.0, 2: 1.2, 4: 9.0}
    assert fast.searched.accepted[4] == Acceptance(1.8, 80)


def test_outcomes_are_compared_with_plain_decoding() -> None:
    found = outcomes(1.2)
    assert found.best == Outcome("all", 4, 2.4, 70, 1.6)
    assert found.speedup(found.best) == pytest.approx(1.5)
    assert found.step_ratio(found.best) == 1.6
    assert found.kinds == ["searched", "heads", "all"]
    assert found.of("heads", 4) is None
