"""Rows of the screen: runs of styled text that know where in the reply they were written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from rich.cells import cell_len, split_graphemes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MUTED = "$text 60%"
"""The style of what is not the text itself."""

_TAB = "    "
_JOINER = "\u200d"

# Ideographs and kana may part anywhere, but not from the marks that close what they say.
_IDEOGRAPH = "[\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_CLOSING = "[、。，．！？：；」』）】〉》”’…ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]"
_WORD = re.compile(rf"{_IDEOGRAPH}{_CLOSING}*\s*|(?:(?!{_IDEOGRAPH})\S)+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style. Its characters stand at ``at`` and the places after it in the reply.

    A ``fixed`` run is layout, such as padding: all of it stands for the one place ``at``.
    """

    text: str
    style: str = ""
    at: int = 0
    fixed: bool = False

    def part(self, start: int, end: int) -> Run:
        """Return its characters from ``start`` to ``end``."""
        at = self.at if self.fixed else self.at + start
        return replace(self, text=self.text[start:end], at=at)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the screen. ``fill`` is the style of all of it, its empty end included."""

    runs: tuple[Run, ...] = ()
    fill: str = ""

    @property
    def text(self) -> str:
        """What is read in it."""
        return "".join(run.text for run in self.runs)

    @property
    def at(self) -> int | None:
        """Where in the reply it begins; None where it stands for no text."""
        return self.runs[0].at if self.runs else None


EMPTY = Row()


class Sheet(Protocol):
    """Something laid out in rows, as many as a width makes of it.

    A row is the same object until it changes: who has drawn it need not draw it again.
    """

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        ...

    def row(self, width: int, y: int) -> Row:
        """Return its row ``y``, 0 the first."""
        ...


def text_runs(text: str, style: str = "", at: int = 0) -> list[Run]:
    """Return text as runs, its tabs widened."""
    if "\t" not in text:
        return [Run(text, style, at)] if text else []
    runs = []
    for part in re.split(r"(\t)", text):
        if part:
            run = Run(_TAB, style, at, fixed=True) if part == "\t" else Run(part, style, at)
            runs.append(run)
        at += len(part)
    return runs


def grapheme_end(text: str, place: int) -> int:
    """Return ``place``, or the end of what is one character to a reader, if it is inside of that.

    Cut in two, such a character takes other room on the screen than it does whole.
    """
    while 0 < place < len(text):
        before, after = text[place - 1], text[place]
        if before != _JOINER and (after < "\u0300" or not _continues(after)):
            break
        place += 1
    return place


def _continues(char: str) -> bool:
    """Tell whether a character belongs to the one before it."""
    return char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff" or cell_len(char) == 0


def row_starts(text: str, width: int) -> list[int]:
    """Return where the rows of a line begin, no row wider than ``width`` cells but for spaces.

    Where words can part, or, in words wider than a row, between any two characters. The rows before
    the last do not depend on what is appended to the text later.
    """
    starts, x = [0], 0
    width = max(width, 2)
    if text.isascii() and len(text) <= width:
        return starts
    for match in _WORD.finditer(text):
        word = match[0]
        solid = word.rstrip()
        cells = cell_len(solid)
        if x and x + cells > width:
            starts.append(match.start())
            x = 0
        if cells > width:
            for start, _, size in split_graphemes(solid)[0]:
                if x + size > width:
                    starts.append(match.start() + start)
                    x = 0
                x += size
        else:
            x += cells
        x += len(word) - len(solid)
    return starts


def wrap(runs: Sequence[Run], width: int) -> list[tuple[Run, ...]]:
    """Return the runs of a line cut into rows of at most ``width`` cells."""
    text = "".join(run.text for run in runs)
    starts = row_starts(text, width)
    if len(starts) == 1:
        return [tuple(runs)]
    ends = [*starts[1:], len(text)]
    return [
        cut(runs, start, start + len(text[start:end].rstrip()) if end < len(text) else end)
        for start, end in zip(starts, ends, strict=True)
    ]


def cut(runs: Iterable[Run], start: int, end: int) -> tuple[Run, ...]:
    """Return the part of a line between two of its characters."""
    found, at = [], 0
    for run in runs:
        after = at + len(run.text)
        if after > start and at < end:
            inside = start <= at and after <= end
            found.append(run if inside else run.part(max(0, start - at), end - at))
        at = after
        if at >= end:
            break
    return tuple(found)


def cells(runs: Iterable[Run]) -> int:
    """Return how many cells the runs take side by side."""
    return sum(cell_len(run.text) for run in runs)
