"""How many threads a step on a CPU runs on: as many as make it fastest at the moment.

A second thread makes a step of a small model a quarter shorter where a processor core is free for
it, and ten times longer where it is not: then every matrix product waits until the system lets the
thread run. What else the machine does changes, so now and then a few steps try another number.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

_TRIAL_STEPS = 12
"""Steps on another number of threads; the first of them, which may start threads, counts not."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 24, 1536
"""Steps between two trials; twice as many after each that found nothing better."""
_SETTLED_STEPS = 300
"""After so many good steps on one number of threads what went wrong before is forgotten."""
_REMEMBERED_STEPS = 64
"""Over about so many steps it is averaged how much longer than usual they take."""
_USUAL_STEPS, _CLIPPED = 16, 2.0
"""Over so many the usual time is averaged, where none counts as more than twice of it."""
_FEWEST = 4
"""Steps of a size whose mean tells something."""
_BETTER = 0.95
"""What most of a trial's steps have to take of the usual for its number of threads to stay."""
_SLOW = 3.0
"""A step that takes this much more than the usual was kept waiting for one of its threads."""
_GAIN = 0.8
"""What steps take of what they would with fewer threads, where no trial has told."""


@dataclass(slots=True)
class _Usual:
    """What steps of a size take, hardly moved by single ones that were disturbed."""

    seconds: float = 0.0
    steps: int = 0

    def add(self, seconds: float) -> None:
        if self.steps >= _FEWEST:
            seconds = min(seconds, _CLIPPED * self.seconds)
        self.steps += 1
        self.seconds += (seconds - self.seconds) / min(self.steps, _USUAL_STEPS)


class StepThreads:
    """Chooses the number of threads; the steps of one model are run between ``begin`` and ``end``.

    ``most`` is the largest number; 1 leaves everything as it is. It starts with ``first``.
    """

    def __init__(
        self,
        most: int = 1,
        first: int = 1,
        set_threads: Callable[[int], None] = torch.set_num_threads,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._numbers = [1]
        while self._numbers[-1] < most:
            self._numbers.append(min(2 * self._numbers[-1], most))
        self._place = max(at for at, number in enumerate(self._numbers) if number <= first)
        self._set_threads = set_threads
        self._clock = clock
        self._pause = self._until_trial = _SHORTEST_PAUSE
        self._usual: dict[int, _Usual] = {}
        self._excess = 1.0
        self._gain = _GAIN
        self._upwards = True
        self._trial_place: int | None = None
        self._trial: list[tuple[int, float]] = []
        self._good_steps = 0

    @property
    def number(self) -> int:
        """Threads of the steps that are no trial."""
        return self._numbers[self._place]

    def apply(self) -> None:
        """Make it what torch uses, for a model's first operations."""
        if len(self._numbers) > 1:
            self._set_threads(self.number)

    def begin(self) -> float:
        """Return the time at which a step begins."""
        return self._clock()

    def end(self, size: int, begun: float) -> None:
        """Count a step over ``size`` nodes that is done."""
        if len(self._numbers) == 1:
            return
        seconds = self._clock() - begun
        known = self._usual.setdefault(size, _Usual())
        ratio = seconds / known.seconds if known.steps >= _FEWEST else 1.0
        slow = ratio > _SLOW
        if self._trial_place is not None:
            self._trial.append((size, seconds))
            lost = slow and len(self._trial) > 1 and self._upwards
            if lost or len(self._trial) == _TRIAL_STEPS:
                self._end_trial(lost=lost)
            return
        known.add(seconds)
        self._excess += (ratio - self._excess) / _REMEMBERED_STEPS
        self._until_trial -= 1
        self._good_steps = 0 if slow else self._good_steps + 1
        if self._good_steps == _SETTLED_STEPS and self._place == len(self._numbers) - 1:
            self._pause = _SHORTEST_PAUSE
        if slow and self._place > 0 and self._excess * self._gain > 1:
            # The mean is what counts: these steps take more than the others are shorter.
            self._move_to(self._place - 1)
            self._upwards = True
            self._rest()
        elif self._until_trial <= 0:
            self._begin_trial()

    def _begin_trial(self) -> None:
        at_end = len(self._numbers) - 1 if self._upwards else 0
        if self._place == at_end:
            self._upwards = not self._upwards
        self._trial_place = self._place + (1 if self._upwards else -1)
        self._trial = []
        self._set_threads(self._numbers[self._trial_place])

    def _end_trial(self, *, lost: bool) -> None:
        assert self._trial_place is not None, "a trial is under way"
        place, self._trial_place = self._trial_place, None
        ratios = [
            seconds / known.seconds
            for size, seconds in self._trial[1:]
            if (known := self._usual[size]).steps >= _FEWEST
        ]
        # A single step that was disturbed tells little, but on the whole they have to be shorter.
        middle = statistics.median(ratios) if ratios else 1.0
        if ratios and not lost and middle < _BETTER and statistics.mean(ratios) < 1:
            self._gain = middle if self._upwards else _GAIN
            self._move_to(place)
            self._until_trial = self._pause
            return
        if ratios and not self._upwards:
            self._gain = min(1.0, 1 / middle)
        self._set_threads(self.number)
        self._upwards = not self._upwards
        if ratios:
            self._rest()
        else:  # the sizes changed meanwhile, which tells nothing
            self._until_trial = self._pause

    def _move_to(self, place: int) -> None:
        self._place = place
        self._usual.clear()
        self._excess = 1.0
        self._good_steps = 0
        self._set_threads(self.number)

    def _rest(self) -> None:
        self._pause = self._until_trial = min(2 * self._pause, _LONGEST_PAUSE)
