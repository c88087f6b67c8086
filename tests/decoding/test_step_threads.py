"""The number of threads follows what steps take with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from medusa_chat.decoding.step_threads import StepThreads


class Machine:
    """A clock that steps move on, and the number of threads in force."""

    def __init__(self, most: int, first: int, seconds: Callable[[int, int], float]) -> None:
        self.now = 0.0
        self.number = 0
        self.seconds = seconds
        self.numbers: list[int] = []
        self.threads = StepThreads(most, first, self.set, lambda: self.now)
        self.threads.apply()

    def set(self, number: int) -> None:
        self.number = number

    def run(self, steps: int, size: int = 1) -> None:
        for _ in range(steps):
            begun = self.threads.begin()
            self.numbers.append(self.number)
            self.now += self.seconds(self.number, size)
            self.threads.end(size, begun)

    def share(self, number: int) -> float:
        """Return how many of the latest steps had so many threads."""
        latest = self.numbers[-200:]
        return latest.count(number) / len(latest)


def test_a_second_thread_that_helps_stays() -> None:
    machine = Machine(2, 1, lambda number, size: size / number)
    machine.run(400)
    assert machine.numbers[0] == 1
    assert machine.threads.number == 2
    assert machine.share(2) > 0.9


def test_one_that_does_not_is_tried_ever_more_seldom() -> None:
    machine = Machine(2, 1, lambda number, size: 10.0 if number == 2 else 1.0)
    machine.run(4000)
    assert machine.threads.number == 1
    tried = [at for at, number in enumerate(machine.numbers) if number == 2]
    assert 2 < len(tried) < 25
    pauses = [after - before for before, after in itertools.pairwise(tried)]
    assert max(pauses) > 1000


def test_a_machine_that_becomes_busy_is_noticed_at_once() -> None:
    busy = False
    machine = Machine(2, 2, lambda number, size: 20.0 if busy and number == 2 else 1 / number)
    machine.run(600)
    assert machine.threads.number == 2
    busy = True
    before = len(machine.numbers)
    machine.run(40)
    assert machine.threads.number == 1
    assert machine.numbers[before:].count(2) < 5
    busy = False
    machine.run(800)
    assert machine.threads.number == 2


def test_a_step_that_is_disturbed_now_and_then_changes_nothing() -> None:
    steps = itertools.count()
    machine = Machine(
        2, 1, lambda number, size: (4.0 if next(steps) % 150 == 149 else 1.0) * 0.85 ** (number - 1)
    )
    machine.run(2000)
    assert machine.threads.number == 2
    assert machine.numbers[400:].count(2) > 1400


def test_steps_that_wait_often_are_left_though_most_are_shorter() -> None:
    steps = itertools.count()
    machine = Machine(
        2, 2, lambda number, size: 0.85 if number == 1 else 8.0 if next(steps) % 15 == 14 else 0.7
    )
    machine.run(1500)
    assert machine.threads.number == 1
    assert machine.share(1) > 0.9


def test_sizes_are_compared_with_their_own_kind() -> None:
    machine = Machine(2, 1, lambda number, size: size * (1.2 if number == 2 else 1.0))
    for _ in range(150):
        machine.run(2, size=8)
        machine.run(1, size=1)
    assert machine.threads.number == 1
    assert machine.share(1) > 0.9


def test_of_many_threads_the_best_number_is_found() -> None:
    cost = {1: 8.0, 2: 5.0, 4: 3.0, 8: 2.0, 12: 6.0}
    machine = Machine(12, 12, lambda number, size: cost[number])
    machine.run(3000)
    assert machine.threads.number == 8
    assert machine.share(8) > 0.9


def test_a_single_core_is_left_alone() -> None:
    machine = Machine(1, 1, lambda number, size: 1.0)
    machine.run(500)
    assert machine.number == 0, "nothing was set"
