"""A reply's text as it comes, cut into stretches of one style, thinking told from answer.

Knows no widget. The tags that mark thinking are not shown; what may be half a tag waits.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.conversation.reasoning import CLOSING, TAGS, segments

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_PART = max(map(len, TAGS)) - 1
"""Of a tag, not all of which has come."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text to be put behind what was put before."""

    text: str
    style: str
    thinking: bool


@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    end: int
    thinking: bool


class ReplyText:
    """Takes pieces of text with their styles; ``take`` gives what can be shown of it."""

    def __init__(self) -> None:
        self._text = ""
        self._ends: list[int] = []
        self._styles: list[str] = []
        self._taken: list[_Range] = []
        self.is_thinking = False
        """Whether the text so far ends in the middle of thinking."""

    def add(self, text: str, style: str) -> None:
        """Append text."""
        if not text:
            return
        self._text += text
        if self._styles and self._styles[-1] == style:
            self._ends[-1] = len(self._text)
        else:
            self._ends.append(len(self._text))
            self._styles.append(style)

    def take(self, *, complete: bool = False) -> Iterator[Stretch] | None:
        """Return what came since the last call; ``complete`` when no more will come.

        None when what was taken before has turned out to be thinking: a closing tag came without an
        opening one. Then all has to be put anew, and the next call gives it from the beginning.
        """
        ranges = self._ranges(complete=complete)
        if not _continues(self._taken, ranges):
            self._taken = []
            return None
        start = self._taken[-1].end if self._taken else 0
        self._taken = ranges
        return self._stretches(ranges, start)

    def _ranges(self, *, complete: bool) -> list[_Range]:
        """Return which parts of the text are shown, and as what."""
        if not any(tag in self._text for tag in TAGS):
            self.is_thinking = False
            taken = self._taken[-1].end if self._taken else 0
            end = len(self._text) if complete else max(taken, self._certain_end())
            return [_Range(0, end, False)] if end else []
        found, at = [], 0
        parts = segments(self._text, streaming=not complete)
        for part in parts:
            start = at + len(part.opening)
            if part.body:
                found.append(_Range(start, start + len(part.body), part.kind == "thinking"))
            at += len(part.text)
        self.is_thinking = bool(parts) and parts[-1].open
        return found

    def _certain_end(self) -> int:
        """Return where a tag may begin that has not come whole."""
        mark = self._text.rfind("<", -_LONGEST_PART)
        if mark < 0 or not any(tag.startswith(self._text[mark:]) for tag in TAGS):
            return len(self._text)
        if CLOSING.startswith(self._text[mark:]):
            # The newlines before a closing tag belong to it.
            return len(self._text[:mark].rstrip("\n"))
        return mark

    def _stretches(self, ranges: list[_Range], start: int) -> Iterator[Stretch]:
        for part in ranges:
            at = max(part.start, start)
            while at < part.end:
                run = bisect_right(self._ends, at)
                end = min(part.end, self._ends[run])
                yield Stretch(self._text[at:end], self._styles[run], part.thinking)
                at = end


def _continues(old: list[_Range], new: list[_Range]) -> bool:
    """Tell whether ``new`` only adds to ``old``."""
    if len(new) < len(old):
        return False
    *closed, last = old or [_Range(0, 0, False)]
    if new[: len(closed)] != closed:
        return False
    if not old:
        return True
    grown = new[len(closed)]
    return (grown.start, grown.thinking) == (last.start, last.thinking) and grown.end >= last.end
