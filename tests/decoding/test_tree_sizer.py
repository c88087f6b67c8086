"""The tree's size: what it costs not to know it, on machines and texts of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from medusa_chat.decoding.step_times import SIZES, StepTimes
from medusa_chat.decoding.tree_sizer import TreeSizer

Cost = Callable[[int], float]


def gpu(size: int) -> float:
    return 1.0 + 0.001 * size


def cpu(size: int) -> float:
    return 1.0 + (0.0 if size == 1 else 0.05) + 0.04 * (size - 1)


def steep(size: int) -> float:
    return float(size) if size > 1 else 1.0


def with_jump(size: int) -> float:
    return 1.0 if size <= 8 else 3.0


def timed(cost: Cost) -> StepTimes:
    return StepTimes({size: cost(size) for size in SIZES})


class Text:
    """Draws the place of the right draft at each depth: low places are likelier."""

    def __init__(self, hit: float, seed: int = 0) -> None:
        self.hit = hit
        self._random = random.Random(seed)

    def step(self, size: int) -> list[int]:
        places, place = [], 0
        for _ in range(4):
            if self._random.random() > self.hit:
                break
            place += 1 + int(self._random.expovariate(0.3))
            if place >= size:
                break
            places.append(place)
        return places


def rate(cost: Cost, text: Text, choose: TreeSizer | int, steps: int = 3000) -> float:
    """Return tokens a second over many steps."""
    tokens = seconds = 0.0
    for _ in range(steps):
        size = choose if isinstance(choose, int) else choose.next_size()
        places = text.step(size)
        tokens += 1 + len(places)
        seconds += cost(size)
        if not isinstance(choose, int):
            choose.observe(size, places, cost(size))
    return tokens / seconds


@pytest.mark.parametrize("cost", [gpu, cpu, steep, with_jump])
@pytest.mark.parametrize("hit", [0.0, 0.2, 0.5, 0.9])
def test_never_slower_than_plain_and_near_the_best_size(cost: Cost, hit: float) -> None:
    sizer = TreeSizer(timed(cost), 64, depth=4)
    ours = rate(cost, Text(hit), sizer)
    fixed = {size: rate(cost, Text(hit), size) for size in SIZES}
    assert ours >= 0.97 * fixed[1]
    assert ours >= 0.93 * max(fixed.values())


def test_text_that_changes_is_followed() -> None:
    sizer = TreeSizer(timed(cpu), 16, depth=4)
    rate(cpu, Text(0.0), sizer, 500)
    assert sizer.size == 1
    rate(cpu, Text(0.95, seed=1), sizer, 1000)
    assert sizer.size > 4
    rate(cpu, Text(0.0, seed=2), sizer, 300)
    assert sizer.size == 1


def test_sizes_that_were_never_timed_are_tried() -> None:
    sizer = TreeSizer(StepTimes(), 16, depth=4)
    rate(cpu, Text(0.8), sizer, 600)
    assert sizer.size > 1


def test_a_step_tells_of_all_smaller_trees() -> None:
    times = timed(gpu)
    sizer = TreeSizer(times, 16, depth=4, believed=[1.0] * 7)
    for _ in range(2000):
        sizer.observe(16, [1, 3, 9], 1.0)
    assert sizer.accepted == pytest.approx([1, 2, 3, 3, 3, 4, 4], abs=0.01)


def test_largest_bounds_the_sizes() -> None:
    assert TreeSizer(timed(gpu), 8, depth=4).sizes == (1, 2, 4, 6, 8)
    assert TreeSizer(timed(gpu), 1, depth=4).next_size() == 1


def test_times_are_the_medians_of_the_latest_steps() -> None:
    times = StepTimes({4: 9.0})
    assert times.of(4) == 9.0
    assert times.of(8) is None
    for seconds in (2.0, 100.0):
        times.add(4, seconds)
    assert times.of(4) == 9.0
    for seconds in (3.0, 4.0, 60.0):
        times.add(4, seconds)
    assert times.of(4) == 4.0
    for _ in range(50):
        times.add(4, 5.0)
    assert times.measured == {4: 5.0}
    assert times.missing((4, 8)) == [8]
