"""A stretch of a reply as rows: blocks that are finished, and the one under way as it is written.

Only what is new is parsed and laid out when text is appended, whatever stands before it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.code import CodeSheet
from medusa_chat.tui.markdown.flow import FlowSheet, row_cells, sheet_of, table_sheet
from medusa_chat.tui.markdown.raw import RawSheet
from medusa_chat.tui.markdown.rows import EMPTY, Row, Sheet
from medusa_chat.tui.markdown.splitter import Splitter
from medusa_chat.tui.markdown.table import TableSheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_chat.tui.markdown.rows import Run
    from medusa_chat.tui.markdown.splitter import Kind

_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)")


class Section:
    """Rows of a text from ``start`` on; ``colour(start, end)`` gives what is shown as written."""

    def __init__(self, start: int, colour: Callable[[int, int], list[Run]]) -> None:
        self._start = start
        self._colour = colour
        self._splitter = Splitter(start)
        self._end = start
        self._stack = _Stack()
        self._live: _Live | None = None
        self._tail: RawSheet | None = None
        self._tail_gap = False

    @property
    def codes(self) -> Iterator[CodeSheet]:
        """The code in it, from top to bottom."""
        for sheet in self._stack.sheets:
            if isinstance(sheet, CodeSheet):
                yield sheet
            elif isinstance(sheet, FlowSheet):
                yield from sheet.codes
        if self._live is not None and isinstance(self._live.sheet, CodeSheet):
            yield self._live.sheet

    def forget(self) -> None:
        """Make the rows anew of blocks that have code in them, which may have been chosen."""
        for sheet in self._stack.sheets:
            if isinstance(sheet, FlowSheet) and sheet.codes:
                sheet.forget()

    def advance(self, text: str, end: int, *, complete: bool) -> None:
        """Take in ``text`` up to ``end``; ``complete`` when no more of it will come."""
        splitter, known = self._splitter, len(self._splitter.parts)
        splitter.advance(text, end=end, complete=complete)
        for part in splitter.parts[known:]:
            if part.kind in ("code", "table"):
                live = self._live_of(text, part.kind, part.start)
                sheet: Sheet = live.finish(text, part.end)
                self._live = None
            else:
                sheet = sheet_of(text, part)
            self._stack.append(sheet, gap=self._has_gap(text, part.start))
            self._end = part.end
        kind = splitter.open_kind
        behind = splitter.open_start
        if kind in ("code", "table") and _line_count(text, behind, splitter.lines_end) > (
            kind == "table"
        ):
            live = self._live_of(text, kind, behind)
            live.advance(text, splitter.lines_end)
            behind = splitter.lines_end
            if isinstance(live.sheet, CodeSheet):
                live.sheet.show_tail(behind, text[behind:end])
                behind = end
        self._show_tail(text, behind, end)

    def settled_height(self, width: int) -> int:
        """Return how many rows nothing can change any more."""
        return self._stack.height(width)

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        return sum(sheet.height(width) + gap for sheet, gap in self._sheets())

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows."""
        for sheet, gap in self._sheets():
            height = sheet.height(width) + gap
            if y < height:
                return sheet.row(width, y - gap) if y >= gap else EMPTY
            y -= height
        raise IndexError(y)

    def _sheets(self) -> Iterator[tuple[Sheet, int]]:
        """Yield what is finished, what has begun to be certain, and the rest as it was written."""
        yield self._stack, 0
        if self._live is not None:
            yield self._live.sheet, int(self._live.gap)
        if self._tail is not None:
            yield self._tail, int(self._tail_gap)

    def _live_of(self, text: str, kind: Kind, start: int) -> _Live:
        if self._live is None:
            make = _LiveCode if kind == "code" else _LiveTable
            self._live = make(text, start, self._has_gap(text, start), self._colour)
        return self._live

    def _show_tail(self, text: str, start: int, end: int) -> None:
        while start < end and text[start] == "\n":
            start += 1
        # Lines that are empty so far may be followed by more of them, or by nothing.
        shown = len(text[start:end].rstrip("\n"))
        if shown == 0:
            self._tail = None
            return
        tail = self._tail
        if tail is None or tail.start != start or len(tail) > shown:
            self._tail = tail = RawSheet(start, self._colour)
            self._tail_gap = self._live is None and self._has_gap(text, start)
        tail.extend(text[start + len(tail) : start + shown])

    def _has_gap(self, text: str, start: int) -> bool:
        """Tell whether the lines before a block are empty."""
        return bool(self._stack.sheets) and text.count("\n", self._end, start) > 1


class _Stack:
    """Sheets that are final, under one another."""

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self._gaps: list[int] = []
        self._width = 0
        self._ends: list[int] = []

    def append(self, sheet: Sheet, *, gap: bool) -> None:
        self.sheets.append(sheet)
        self._gaps.append(int(gap))

    def height(self, width: int) -> int:
        if width != self._width:
            self._width, self._ends = width, []
        for number in range(len(self._ends), len(self.sheets)):
            before = self._ends[-1] if self._ends else 0
            self._ends.append(before + self._gaps[number] + self.sheets[number].height(width))
        return self._ends[-1] if self._ends else 0

    def row(self, width: int, y: int) -> Row:
        self.height(width)
        number = bisect_right(self._ends, y)
        y -= (self._ends[number - 1] if number else 0) + self._gaps[number]
        return self.sheets[number].row(width, y) if y >= 0 else EMPTY


class _LiveCode:
    """Code that has not come to its end."""

    def __init__(
        self, text: str, start: int, gap: bool, colour: Callable[[int, int], list[Run]]
    ) -> None:
        line = _line(text, start)
        opening = _FENCE.match(line)
        assert opening, "the splitter saw a fence here"
        self.gap = gap
        self._indent, self._fence = len(opening[1]), opening[2]
        language = (opening[3].split() or [""])[0]
        self.sheet = CodeSheet(language, start, colour=colour)
        self._at = start + len(line) + 1

    def advance(self, text: str, end: int) -> None:
        while self._at < end:
            line = _line(text, self._at, end)
            margin = min(self._indent, len(line) - len(line.lstrip(" ")))
            self.sheet.append(self._at + margin, line[margin:])
            self._at += len(line) + 1

    def finish(self, text: str, end: int) -> CodeSheet:
        last = text.rfind("\n", 0, end) + 1
        closing = text[last:end].strip()
        is_closed = last >= self._at and closing.startswith(self._fence) and not closing.strip("`~")
        # Not the line that closes it; but the last line, also when it is empty.
        self.advance(text, last if is_closed else end + 1)
        self.sheet.end(end)
        return self.sheet


class _LiveTable:
    """A table to which rows come."""

    def __init__(
        self,
        text: str,
        start: int,
        gap: bool,
        colour: Callable[[int, int], list[Run]],  # noqa: ARG002
    ) -> None:
        head = _line(text, start)
        under = start + len(head) + 1
        delimiters = _line(text, under)
        self.gap = gap
        self.sheet = table_sheet([(start, head), (under, delimiters)])
        self._at = under + len(delimiters) + 1

    def advance(self, text: str, end: int) -> None:
        while self._at < end:
            line = _line(text, self._at, end)
            self.sheet.append(row_cells(line, self._at), self._at)
            self._at += len(line) + 1

    def finish(self, text: str, end: int) -> TableSheet:
        self.advance(text, end)
        return self.sheet


_Live = _LiveCode | _LiveTable


def _line(text: str, start: int, end: int | None = None) -> str:
    limit = len(text) if end is None else end
    newline = text.find("\n", start, limit)
    return text[start : newline if newline >= 0 else limit]


def _line_count(text: str, start: int, end: int) -> int:
    """Return how many lines between two places have come whole."""
    return text.count("\n", start, min(end, start + 100_000))
