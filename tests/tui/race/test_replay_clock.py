"""The clock of a replay, on a time that the test tells it."""

from __future__ import annotations

import pytest

from medusa_chat.tui.race.replay_clock import SPEEDS, ReplayClock

START = 1000.0


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(8.0, since=START)


def test_it_runs_to_the_end_and_no_further(clock: ReplayClock) -> None:
    assert [clock.seconds(START + passed) for passed in (0, 1.5, 8, 20)] == [0, 1.5, 8, 8]
    assert not clock.is_over(START + 7.9)
    assert clock.is_over(START + 8)


def test_a_time_before_its_beginning_is_its_beginning(clock: ReplayClock) -> None:
    assert clock.seconds(START - 5) == 0


def test_pausing_and_going_on(clock: ReplayClock) -> None:
    paused = clock.paused(START + 2)
    assert paused.is_paused
    assert paused.seconds(START + 100) == 2
    going_on = paused.paused(START + 100)
    assert not going_on.is_paused
    assert going_on.seconds(START + 101) == 3


@pytest.mark.parametrize(("steps", "speed"), [(1, 2.0), (2, 4.0), (9, 4.0), (-1, 0.5), (-9, 0.5)])
def test_speed(clock: ReplayClock, steps: int, speed: float) -> None:
    other = clock.faster(START + 2, steps)
    assert other.speed == speed
    # What was shown stays; only what follows is faster.
    assert other.seconds(START + 2) == 2
    assert other.seconds(START + 3) == 2 + speed


def test_every_speed_is_reached_one_by_one(clock: ReplayClock) -> None:
    slowest = clock.faster(START, -len(SPEEDS))
    assert tuple(slowest.faster(START, steps).speed for steps in range(len(SPEEDS))) == SPEEDS


def test_speed_while_paused(clock: ReplayClock) -> None:
    other = clock.paused(START + 1).faster(START + 5)
    assert other.is_paused
    assert other.seconds(START + 50) == 1
    assert other.paused(START + 50).seconds(START + 51) == 3


def test_the_end_and_again(clock: ReplayClock) -> None:
    fast = clock.faster(START + 1)
    end = fast.paused(START + 2).at_end(START + 2)
    assert end.is_over(START + 2)
    assert end.seconds(START + 2) == 8
    again = end.again(START + 30)
    assert again.seconds(START + 30) == 0
    assert again.speed == 2.0
    assert again.seconds(START + 31) == 2


def test_a_race_of_no_time_is_over(clock: ReplayClock) -> None:
    assert ReplayClock(0.0, since=START).is_over(START)
