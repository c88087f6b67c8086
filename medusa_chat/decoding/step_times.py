"""T(n): how long a step over n nodes takes, draft and acceptance included, as measured.

By the step clock, so that on a CPU what other programs take is not in it. Kept for one model,
precision and device. Nothing is assumed about its shape: kernels change with the number of rows, so
T(n) jumps, and may even fall.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""The tree sizes that are measured and chosen from, the root included; 1 is plain decoding."""

_ENOUGH = 3
"""Steps of a size that make its time known."""
_KEPT = 25
"""Steps of each size that count: the machine may become busier, a conversation longer."""


class StepTimes:
    """The time of the latest steps of each size, in seconds: the median.

    Not what the quickest take: a step after one of another size, or far into a text, is slower, and
    that belongs to its price.
    """

    def __init__(self, known: Mapping[int, float] | None = None) -> None:
        """Begin with what was ``known``, which counts until steps of that size were seen here."""
        self._known = dict(known or {})
        self._seen: dict[int, deque[float]] = {}
        self._usual: dict[int, float] = {}

    def add(self, size: int, seconds: float) -> None:
        """Count a step."""
        seen = self._seen.setdefault(size, deque(maxlen=_KEPT))
        seen.append(seconds)
        self._usual.pop(size, None)

    def of(self, size: int) -> float | None:
        """Return T(``size``); None when too few steps of that size were ever measured."""
        usual = self._usual.get(size)
        if usual is None:
            seen = self._seen.get(size, ())
            if len(seen) < _ENOUGH:
                return self._known.get(size)
            usual = self._usual[size] = sorted(seen)[len(seen) // 2]
        return usual

    @property
    def measured(self) -> dict[int, float]:
        """All that is known, by size."""
        sizes = sorted(self._known.keys() | self._seen.keys())
        return {size: seconds for size in sizes if (seconds := self.of(size)) is not None}

    def missing(self, sizes: Iterable[int] = SIZES) -> list[int]:
        """Return those of ``sizes`` that were never measured."""
        return [size for size in sizes if self.of(size) is None]
