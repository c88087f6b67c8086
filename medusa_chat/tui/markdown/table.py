"""A table as rows: columns as wide as their cells where there is room, else cells of many rows."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.rows import MUTED, Row, Run, cells, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

_BAR = " │ "
_CROSS = "─┼─"
_LEAST_CELLS = 6
"""No column gets narrower than this to make room for others, while that helps."""

_CELL_BAR = re.compile(r"(?<!\\)\|")

Cell = list[Run]


class TableSheet:
    """A head and rows; rows may be appended. ``aligned`` is left, center or right, per column."""

    def __init__(self, head: Sequence[Cell], aligned: Sequence[str], at: int) -> None:
        self._aligned = list(aligned)
        self._at = at
        self._cells: list[list[Cell]] = []
        self._places: list[int] = []
        self._sizes: list[list[int]] = []
        self._natural = [1] * len(self._aligned)
        self._width = 0
        self._widths: list[int] = []
        self._ends: list[int] = []
        """After how many rows of the screen each row of the table ends, as far as laid out."""
        self._rows: dict[int, Row] = {}
        """The rows of the screen, as far as they were made."""
        self.append(head, at)

    def append(self, row: Sequence[Cell], at: int) -> None:
        """Append a row that stands at the place ``at``.

        Cells that are missing are empty, and those beyond the head's are left out.
        """
        columns = len(self._aligned)
        row = [*row, *([] for _ in range(columns - len(row)))][:columns]
        sizes = [cells(cell) for cell in row]
        self._places.append(at)
        self._cells.append(list(row))
        self._sizes.append(sizes)
        self._natural = [max(pair) for pair in zip(self._natural, sizes, strict=True)]

    def height(self, width: int) -> int:
        """Return how many rows of the screen it takes."""
        self._lay_out(width)
        return self._ends[-1]

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows of the screen."""
        self._lay_out(width)
        made = self._rows.get(y)
        if made is None:
            made = self._rows[y] = self._made(y)
        return made

    def _made(self, y: int) -> Row:
        number = bisect_right(self._ends, y)
        first = self._ends[number - 1] if number else 0
        if number == 0 and y == self._ends[0] - 1:
            line = _CROSS.join("─" * size for size in self._widths)
            at = max([self._at, *(_end(cell) for cell in self._cells[0])])
            return Row((Run(line, MUTED, at, fixed=True),))
        return self._row(number, y - first)

    def _lay_out(self, width: int) -> None:
        widths = fitting(self._natural, width - len(_BAR) * (len(self._natural) - 1))
        if width != self._width or widths != self._widths:
            self._width, self._widths, self._ends = width, widths, []
            self._rows = {}
        for number in range(len(self._ends), len(self._cells)):
            height = max(
                (
                    1 if size <= room else len(wrap(cell, room))
                    for cell, size, room in zip(
                        self._cells[number], self._sizes[number], widths, strict=True
                    )
                ),
                default=1,
            )
            before = self._ends[-1] if self._ends else 1  # the line under the head
            self._ends.append(before + height)

    def _row(self, number: int, y: int) -> Row:
        runs: list[Run] = []
        at = self._places[number]
        for column, room in enumerate(self._widths):
            cell = self._cells[number][column]
            parts = wrap(cell, room)
            part = parts[y] if y < len(parts) else ()
            at = part[0].at if part else _end(cell) if cell else at
            if column:
                runs.append(Run(_BAR, MUTED, at, fixed=True))
            space = room - cells(part)
            before = {"left": 0, "center": space // 2, "right": space}[self._aligned[column]]
            if before:
                runs.append(Run(" " * before, "", at, fixed=True))
            runs += part
            if part:
                at = _end(part)
            if space - before and column < len(self._widths) - 1:
                runs.append(Run(" " * (space - before), "", at, fixed=True))
        return Row(tuple(runs))


def _end(runs: Sequence[Run]) -> int:
    """Return the place behind runs; 0 behind none."""
    if not runs:
        return 0
    return runs[-1].at + (0 if runs[-1].fixed else len(runs[-1].text))


def fitting(natural: Sequence[int], room: int) -> list[int]:
    """Return widths of at most ``room`` cells together: the widest columns give way first."""
    widths = list(natural)
    least = _LEAST_CELLS if len(widths) * _LEAST_CELLS <= room else 1
    while (excess := sum(widths) - room) > 0:
        widest = max(widths)
        if widest <= least:
            break
        tied = [column for column, width in enumerate(widths) if width == widest]
        lower = max((width for width in widths if width < widest), default=0)
        step = max(1, min(widest - max(lower, least), excess // len(tied)))
        for column in tied[: max(1, excess)]:
            widths[column] -= step
    return widths


def alignments(delimiters: str) -> list[str]:
    """Return how the columns are aligned, by the line under a table's head."""
    found = []
    for cell in re.findall(r":?-+:?", delimiters):
        right, center = cell.endswith(":"), cell.startswith(":") and cell.endswith(":")
        found.append("center" if center else "right" if right else "left")
    return found


def split_cells(line: str, at: int) -> list[tuple[int, str]]:
    """Return the cells of a row with their places; the bars at its edges may be missing."""
    start = len(line) - len(line.lstrip())
    end = len(line.rstrip())
    if line.startswith("|", start):
        start += 1
    if end > start and line[end - 1] == "|" and line[end - 2] != "\\":
        end -= 1
    found = []
    bars = [match.start() for match in _CELL_BAR.finditer(line, start, end)]
    for first, last in zip([start, *(bar + 1 for bar in bars)], [*bars, end], strict=True):
        text = line[first:last]
        found.append((at + first + len(text) - len(text.lstrip()), text.strip()))
    return found


def columns(line: str) -> int:
    """Return how many cells a row has."""
    return len(split_cells(line, 0))
