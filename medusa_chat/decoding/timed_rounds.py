"""Steps timed shape by shape, round by round, in one reply: what other work does hits all alike."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape

_BLOCK_STEPS = 4
"""Steps of a shape in a row. The first is not counted: it settles what the shape before it left."""


class TimedRounds(AdaptiveTree):
    """Has each of ``shapes`` run in turn, ``rounds`` times over, and notes what steps take."""

    def __init__(
        self,
        shapes: Sequence[StepShape],
        rounds: int,
        *,
        learns: bool = True,
        uncounted_rounds: int = 0,
    ) -> None:
        """Prepare the rounds; without ``learns`` as where the heads alone are drafted from.

        The first of them, ``uncounted_rounds``, are for warming up.
        """
        self._uncounted = uncounted_rounds * len(shapes) * _BLOCK_STEPS
        self.learns = learns
        self.size = max(shape.size for shape in shapes)
        self.depth = max(shape.depth for shape in shapes)
        count = len(shapes)
        # Each begins a round as often as the others.
        self._order = [
            (step, (place + turn) % count)
            for turn in range(rounds)
            for place in range(count)
            for step in range(_BLOCK_STEPS)
        ]
        self._shapes = shapes
        self._done = 0
        self.seconds: list[list[float]] = [[] for _ in shapes]
        """What the steps of each shape took."""

    @property
    def steps(self) -> int:
        """Steps of all rounds."""
        return len(self._order)

    @property
    def steps_left(self) -> int:
        """Steps that are still to be run."""
        return len(self._order) - self._done

    @property
    def rounds_done(self) -> int:
        """Rounds of which all steps were run."""
        return self._done // (len(self._shapes) * _BLOCK_STEPS)

    @property
    def medians(self) -> list[float]:
        """T of each shape. Only for shapes that were run."""
        return [median(seconds) for seconds in self.seconds]

    def next_shape(self) -> StepShape:
        """Return the shape of the next step; behind the last round, the last one."""
        return self._shapes[self._order[min(self._done, len(self._order) - 1)][1]]

    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        """Note a step."""
        del shape, accepted  # it is the one that was asked for, whatever it brought
        if self._done == len(self._order):
            return
        step, index = self._order[self._done]
        self._done += 1
        if step > 0 and self._done > self._uncounted:
            self.seconds[index].append(seconds)
