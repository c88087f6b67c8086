"""How many tokens a step of each size brings: an average over the replies of a long time.

A step over N nodes tells it of all smaller trees too, for trees are grown best first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medusa_chat.decoding.experience import Acceptance
from medusa_chat.decoding.step_times import SIZES

_MEMORY_STEPS = 5000
"""Over about so many steps the average goes: texts change, and so do their writers."""
_TRUSTED_STEPS = 8
"""From so many steps on it is better than a guess."""
_MOST_UNCOUNTED = 4096


class Beliefs:
    """Accepted tokens a step, by size."""

    def __init__(self, known: Mapping[int, Acceptance]) -> None:
        """Go on from what was ``known``."""
        self._known = dict(known)
        self._uncounted: list[tuple[int, Sequence[int]]] = []

    def add(self, size: int, places: Sequence[int]) -> None:
        """Count a step over ``size`` nodes whose accepted drafts have these ``places``.

        A tree of n nodes has the places below n; the root's is 0, and not among them.
        """
        # Counted later, together: a step has no time for it.
        self._uncounted.append((size, places))
        if len(self._uncounted) >= _MOST_UNCOUNTED:
            self._count()

    @property
    def known(self) -> dict[int, Acceptance]:
        """All that was seen, by size."""
        self._count()
        return dict(sorted(self._known.items()))

    def believed(self, sizes: Sequence[int], guesses: Sequence[float]) -> list[float]:
        """Return accepted tokens a step for each of ``sizes``; a guess where little was seen.

        More nodes never bring less: large trees are run when they pay, so the averages are of
        different texts.
        """
        known, believed, least = self.known, [], 1.0
        for size, guess in zip(sizes, guesses, strict=True):
            seen = known.get(size)
            is_known = seen is not None and seen.steps >= _TRUSTED_STEPS
            least = max(least, seen.tokens if seen is not None and is_known else guess)
            believed.append(least if size > 1 else 1.0)
        return believed

    def _count(self) -> None:
        sums = {size: (one.tokens, one.steps) for size, one in self._known.items()}
        for size, places in self._uncounted:
            for one in SIZES[1:]:
                if one > size:
                    break
                tokens = 1 + sum(place < one for place in places)
                mean, steps = sums.get(one, (0.0, 0))
                steps = min(steps + 1, _MEMORY_STEPS)
                sums[one] = mean + (tokens - mean) / steps, steps
        self._uncounted.clear()
        self._known = {size: Acceptance(*pair) for size, pair in sums.items()}
