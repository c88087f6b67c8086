"""Code as rows: highlighted in steps while it grows, at a cost that does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.rows import MUTED, Row, Run, text_runs, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.content import Span

_FILL = "on $surface"
_LONGEST_NAME = 20
_STEP_LINES = 50
_CONTEXT_LINES = 100
"""Read again before the lines that are new; up to as many more, not to begin within a string."""
_WHOLE_LINES = 500
"""Up to here code is read once more as a whole at its end: longer, the frame would be late."""
# What str.splitlines takes for ends of lines, and the highlighter with it.
_SEPARATORS = str.maketrans(dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))

Styled = tuple[int, int, str]


class CodeSheet:
    """Lines of code, under a line that names the language, and that copies it when clicked.

    ``colour`` gives lines that were not read yet.
    """

    def __init__(
        self,
        language: str,
        at: int = 0,
        *,
        framed: bool = True,
        colour: Callable[[int, int], list[Run]] | None = None,
    ) -> None:
        self.at = at
        self.is_chosen = False
        """Whether the reader has gone to it: its first row says so."""
        self._language = language
        self._name = language[:_LONGEST_NAME]
        self._framed = framed
        self._colour = colour
        self._lines: list[tuple[int, str]] = []
        self._styles: list[list[Styled]] = []
        self._tail: tuple[int, str] | None = None
        self._end: int | None = None
        self._width = 0
        self._rows: list[Row] = []
        self._headings: dict[bool, Row] = {}
        self._line_ends: list[int] = []
        """After how many rows each line ends, of those that are laid out."""
        self._changed = True

    @property
    def code(self) -> str:
        """The code, without its fences."""
        return "".join(line + "\n" for _, line in self._lines) + (self._tail or (0, ""))[1]

    def append(self, at: int, line: str) -> None:
        """Append a line that has come whole."""
        self._tail, self._changed = None, True
        self._lines.append((at, line))
        if len(self._lines) - len(self._styles) >= _STEP_LINES:
            self._highlight(self._resumption())

    def show_tail(self, at: int, line: str) -> None:
        """Show the beginning of the next line."""
        self._tail, self._changed = (at, line), True

    def end(self, at: int) -> None:
        """Take note that no more lines will come."""
        self._tail, self._end, self._changed = None, at, True
        self._highlight(0 if len(self._lines) <= _WHOLE_LINES else self._resumption())

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        self._lay_out(width)
        return len(self._rows)

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows."""
        self._lay_out(width)
        return self._heading() if y == 0 and self._framed else self._rows[y]

    def _resumption(self) -> int:
        """Return the line from which on code is read again: no string or comment goes into it."""
        first = len(self._styles) - _CONTEXT_LINES
        for line in range(first, max(0, first - _CONTEXT_LINES), -1):
            length = len(self._lines[line - 1][1])
            if all(end <= length for _, end, _ in self._styles[line - 1]):
                return line
        return max(0, first - _CONTEXT_LINES)

    def _highlight(self, first: int) -> None:
        from textual.highlight import highlight

        lines = self._lines[first:]
        if not lines or not self._language:
            known = len(self._styles)
            self._styles += [[] for _ in self._lines[known:]]
            del self._line_ends[known:]
            return
        code = "\n".join(line for _, line in lines).translate(_SEPARATORS)
        # The last line's end too: else it is not known whether a string goes on there.
        spans = highlight(code + "\n\n", language=self._language, tab_size=0).spans
        keep = first if self._end is not None else len(self._styles)
        styles = _by_line(spans, [len(line) for _, line in lines])
        self._styles[keep:] = styles[keep - first :]
        del self._line_ends[keep:]

    def _lay_out(self, width: int) -> None:
        if width != self._width:
            self._width, self._rows, self._line_ends = width, [], []
        elif not self._changed:
            return
        self._changed = False
        if not self._line_ends:
            self._rows = [self._heading()] if self._framed else []
        del self._rows[self._line_ends[-1] if self._line_ends else len(self._rows) :]
        for number in range(len(self._line_ends), len(self._lines)):
            self._rows += _rows(self._line_runs(number), self._lines[number][0], width)
            self._line_ends.append(len(self._rows))
        if self._tail is not None and self._tail[1]:
            self._rows += _rows(self._plain(*self._tail), self._tail[0], width)
        if self._end is not None and self._framed:
            self._rows.append(Row((Run(" ", "", self._end, fixed=True),), _FILL))

    def _heading(self) -> Row:
        made = self._headings.get(self.is_chosen)
        if made is None:
            made = self._headings[self.is_chosen] = self._made_heading()
        return made

    def _made_heading(self) -> Row:
        if self.is_chosen:
            runs = (Run(f"▶ {self._name or 'code'} ", "bold reverse", self.at, fixed=True),)
            return Row(runs, _FILL)
        name = Run(f" {self._name}", f"{MUTED} italic", self.at, fixed=True)
        does = Run(f"{' · ' if self._language else ''}copy", MUTED, self.at, fixed=True)
        return Row((name, does), _FILL)

    def _line_runs(self, number: int) -> list[Run]:
        at, line = self._lines[number]
        if number >= len(self._styles):
            return self._plain(at, line)
        runs, place = [], 0
        for start, end, style in self._styles[number]:
            runs += text_runs(line[place:start], "", at + place)
            runs += text_runs(line[start:end], style, at + start)
            place = end
        return runs + text_runs(line[place:], "", at + place)

    def _plain(self, at: int, line: str) -> list[Run]:
        if self._colour is not None:
            return self._colour(at, at + len(line))
        return text_runs(line, "", at)


def _rows(runs: list[Run], at: int, width: int) -> list[Row]:
    """Return the rows of a line that stands at the place ``at``, one cell from the edge."""
    rows = []
    for part in wrap(runs, width - 2):
        at = part[0].at if part else at
        rows.append(Row((Run(" ", "", at, fixed=True), *part), _FILL))
    return rows


def _by_line(spans: Sequence[Span], lengths: list[int]) -> list[list[Styled]]:
    """Return the spans of a text of lines of these lengths, each line's counted from its start.

    One that goes on in the next line has the end of its line in it.
    """
    found: list[list[Styled]] = [[] for _ in lengths]
    number, first = 0, 0
    for start, end, style in spans:
        if not isinstance(style, str) or style == "$text":
            continue
        while number < len(lengths) and start > first + lengths[number]:
            first += lengths[number] + 1
            number += 1
        line, at = number, first
        while line < len(lengths) and at < end:
            found[line].append((max(start, at) - at, min(end, at + lengths[line] + 1) - at, style))
            at += lengths[line] + 1
            line += 1
    return found
