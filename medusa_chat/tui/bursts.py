"""Which burst each character of a reply came with, and how far ahead it was guessed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Literal, get_args

from medusa_chat.tui.markdown.rows import Run, grapheme_end, text_runs
from medusa_chat.tui.theme import BURST_STYLES, DEPTH_STYLES

BurstView = Literal["live", "bursts", "depth", "off"]
"""What is marked: bursts in the text under way alone, bursts or depths in all text, or nothing."""
BURST_VIEWS: tuple[BurstView, ...] = get_args(BurstView)

VIEW_WORDS: dict[BurstView, str] = {
    "live": "Bursts are marked while they come: a colour each, guesses underlined.",
    "bursts": "Every burst has a colour, and what was guessed right in it is underlined.",
    "depth": (
        "By depth: a burst's first token is plain, what head 1 guessed is underlined, head 2 bold, "
        "head 3 italic, further heads both."
    ),
    "off": "Bursts are not marked.",
}


class Bursts:
    """Stretches of a reply's text, each a token or a few that came together.

    A token may end inside of what is one character to a reader: stretches are places in the text.
    """

    def __init__(self, start: int) -> None:
        """Begin where text stands that belongs to no burst."""
        self._ends = [start]
        self._bursts = [-1]
        self._depths = [0]
        self._burst = -1
        self._tokens = 0
        self._before = 0
        """How many bursts there were before the reply was gone on with."""

    def continued(self) -> Bursts:
        """Return the same, so that bursts counted from 0 again follow."""
        again = Bursts(0)
        again._ends, again._bursts = list(self._ends), list(self._bursts)
        again._depths = list(self._depths)
        again._before = max(0, max(self._bursts) + 1)
        return again

    def add(self, burst: int, end: int, tokens: int) -> None:
        """Take down that ``tokens`` more of a burst have come, with the text up to ``end``."""
        burst += self._before
        if burst != self._burst:
            self._burst, self._tokens = burst, 0
        # Text that was held back, and comes without a token, belongs to the one before it.
        depth = self._tokens if tokens else max(0, self._tokens - 1)
        self._tokens += tokens
        if end > self._ends[-1]:
            self._ends.append(end)
            self._bursts.append(burst)
            self._depths.append(depth)

    def span(self, burst: int) -> tuple[int, int]:
        """Return where a burst's text begins and ends; an empty place for one without text."""
        burst += self._before
        first = bisect_left(self._bursts, burst)
        behind = bisect_right(self._bursts, burst)
        start = self._ends[max(first - 1, 0)]
        return start, self._ends[behind - 1] if behind > first else start

    def runs(self, text: str, start: int, end: int, view: BurstView) -> list[Run]:
        """Return the text from ``start`` to ``end`` with what ``view`` marks in it."""
        if view == "off" or len(self._ends) == 1:
            return text_runs(text[start:end], "", start)
        runs: list[Run] = []
        while start < end:
            number = bisect_right(self._ends, start)
            stop = min(end, self._ends[number]) if number < len(self._ends) else end
            stop = min(end, grapheme_end(text, stop))
            style, marked = self._style(number, view)
            # The space before a guess is not marked, which would only look like a rule.
            part = text[start:stop]
            space = len(part) - len(part.lstrip()) if marked != style else 0
            runs += text_runs(part[:space], style, start)
            runs += text_runs(part[space:], marked, start + space)
            start = stop
        return runs

    def _style(self, number: int, view: BurstView) -> tuple[str, str]:
        """Return the colour of a stretch, and the same with its mark for who sees no colours."""
        if number >= len(self._ends) or self._bursts[number] < 0:
            return "", ""
        depth = self._depths[number]
        if view == "depth":
            colour, mark = DEPTH_STYLES[min(depth, len(DEPTH_STYLES) - 1)]
        else:
            colour = BURST_STYLES[self._bursts[number] % len(BURST_STYLES)]
            mark = "underline" if depth else ""
        return colour, f"{colour} {mark}".strip()
