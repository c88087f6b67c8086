"""Text as it is written, in rows: bursts marked, and only what is new laid out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.rows import Row, Run, row_starts

if TYPE_CHECKING:
    from collections.abc import Callable

_TAB_CELLS = 4


class RawSheet:
    """A stretch of a text that grows, from ``start`` on."""

    def __init__(self, start: int, colour: Callable[[int, int], list[Run]]) -> None:
        """Take the text and its style from ``colour(start, end)``."""
        self.start = start
        self._colour = colour
        self._text = ""
        self._width = 0
        self._starts: list[int] = [0]
        """Where rows begin, in the stretch."""
        self._settled = 0
        """How much of the text decided the rows."""
        self._rows: list[Row | None] = [None]
        """The rows, as far as they were made."""

    def __len__(self) -> int:
        return len(self._text)

    def extend(self, text: str) -> None:
        """Append text."""
        self._text += text

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        self._lay_out(width)
        return len(self._starts)

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows."""
        self._lay_out(width)
        made = self._rows[y]
        if made is None:
            made = self._rows[y] = self._made(y)
        return made

    def _made(self, y: int) -> Row:
        start = self._starts[y]
        end = self._starts[y + 1] if y + 1 < len(self._starts) else len(self._text)
        line = self._text[start:end].rstrip("\n")
        if y + 1 < len(self._starts):
            line = line.rstrip()
        at = self.start + start
        return Row(tuple(self._colour(at, at + len(line))) or (Run("", "", at, fixed=True),))

    def _lay_out(self, width: int) -> None:
        if width != self._width:
            self._width, self._starts, self._settled = width, [0], 0
            self._rows = [None]
        if self._settled == len(self._text):
            return
        self._settled = len(self._text)
        known = len(self._starts)
        first = self._starts.pop()
        for line in self._text[first:].split("\n"):
            self._starts += [first + start for start in _line_starts(line, width)]
            first += len(line) + 1
        # All rows before the last one end where they did.
        del self._rows[known - 1 :]
        self._rows += [None] * (len(self._starts) - len(self._rows))


def _line_starts(line: str, width: int) -> list[int]:
    if "\t" not in line:
        return row_starts(line, width)
    # A tab is as wide as the spaces that stand for it.
    spread = line.replace("\t", " " * _TAB_CELLS)
    places = [n for n, char in enumerate(line) for _ in range(_TAB_CELLS if char == "\t" else 1)]
    return sorted({places[start] for start in row_starts(spread, width) if places})
