"""How far it is, on stderr: one line that is rewritten, or a line now and then in a pipe."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from medusa_chat.quantities import duration
from medusa_chat.status_line import StatusLine, tell

_LINE_SECONDS = 15.0
_TOLD_AFTER_SECONDS = 1.0
"""Before that a rate means nothing."""


class Progress:
    """Counts answers of ``answers`` that are to be written, and tokens."""

    def __init__(
        self, line: StatusLine, answers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._line = line
        self._answers = answers
        self._clock = clock
        self._begun = self._told_at = clock()
        self._done = 0
        self.tokens = 0
        line.show(self.words())

    def advance(self, answers: int, tokens: int) -> None:
        """Count what was written, or needs no writing any more, and show it."""
        self._done += answers
        self.tokens += tokens
        words = self.words()
        self._line.show(words)
        if not self._line.is_rewritten and self._clock() - self._told_at >= _LINE_SECONDS:
            self._told_at = self._clock()
            tell(words)

    def words(self) -> str:
        """Return how far it is, how fast, and how long it will take yet."""
        seconds = self._clock() - self._begun
        parts = [f"{self._done:,} of {self._answers:,} answers"]
        if seconds >= _TOLD_AFTER_SECONDS and self._done:
            parts.append(f"{self.tokens / seconds:.0f} tok/s")
            parts.append(f"{duration(seconds / self._done * (self._answers - self._done))} left")
        return " · ".join(parts)


class NowAndThen:
    """Passes on to ``say`` what it is told, from any thread, but not more than now and then."""

    def __init__(
        self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._said_at = -math.inf
        self._lock = threading.Lock()

    def __call__(self, words: str) -> None:
        """Say ``words``, unless others were said a moment ago."""
        with self._lock:
            if self._clock() - self._said_at < _LINE_SECONDS:
                return
            self._said_at = self._clock()
        self._say(words)
