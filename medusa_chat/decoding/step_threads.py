"""How many threads a step on a CPU runs on: as many as make it fastest at the moment.

A second thread makes a step of a small model a quarter shorter where a processor core is free for
it, and ten times longer where it is not: then every matrix product waits until the system lets the
thread run. What else the machine does changes, so now and then a few steps try another number.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

import torch

_TRIAL_STEPS = 12
"""Steps on another number of threads; the first of them, which may start threads, counts not."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 24, 1536
"""Steps between two trials; twice as many after each that found nothing better."""
_SETTLED_STEPS = 300
"""After so many good steps on one number of threads what went wrong before is forgotten."""
_REMEMBERED_STEPS = 24
_FEWEST = 4
"""Steps of a size whose mean tells something."""
_BETTER = 0.95
"""What a trial's steps have to take of the usual for its number of threads to stay."""
_SLOW = 3.0
"""A step that takes this much more than the usual was kept waiting for one of its threads."""


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
        self._latest: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED_STEPS)
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
        usual = self._usual(size)
        slow = usual is not None and seconds > _SLOW * usual
        if self._trial_place is not None:
            self._trial.append((size, seconds))
            lost = slow and len(self._trial) > 1 and self._upwards
            if lost or len(self._trial) == _TRIAL_STEPS:
                self._end_trial(lost=lost)
            return
        self._latest.append((size, seconds))
        self._until_trial -= 1
        self._good_steps = 0 if slow else self._good_steps + 1
        if self._good_steps == _SETTLED_STEPS and self._place == len(self._numbers) - 1:
            self._pause = _SHORTEST_PAUSE
        if slow and self._place > 0:
            # The mean is what counts, and a few such steps take more than all the others.
            self._move_to(self._place - 1)
            self._upwards = True
            self._rest()
        elif self._until_trial <= 0:
            self._begin_trial()

    def _usual(self, size: int) -> float | None:
        """Return the mean of what a step of ``size`` took lately; None where too few were seen."""
        seconds = [took for one, took in self._latest if one == size]
        return statistics.mean(seconds) if len(seconds) >= _FEWEST else None

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
            seconds / usual
            for size, seconds in self._trial[1:]
            if (usual := self._usual(size)) is not None
        ]
        if ratios and not lost and statistics.mean(ratios) < _BETTER:
            self._move_to(place)
            self._until_trial = self._pause
            return
        self._set_threads(self.number)
        self._upwards = not self._upwards
        if ratios:
            self._rest()
        else:  # the sizes changed meanwhile, which tells nothing
            self._until_trial = self._pause

    def _move_to(self, place: int) -> None:
        self._place = place
        self._latest.clear()
        self._good_steps = 0
        self._set_threads(self.number)

    def _rest(self) -> None:
        self._pause = self._until_trial = min(2 * self._pause, _LONGEST_PAUSE)
