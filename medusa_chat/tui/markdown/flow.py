"""A finished block as rows: what a parser makes of it, laid out to a width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medusa_chat.tui.markdown.code import CodeSheet
from medusa_chat.tui.markdown.inline import Cursor, lines_of, parser, take_box
from medusa_chat.tui.markdown.rows import MUTED, Row, Run, Sheet, cells, text_runs, wrap
from medusa_chat.tui.markdown.splitter import Part
from medusa_chat.tui.markdown.table import TableSheet, alignments, split_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

_BULLETS = "•◦▪"
_MARK = "$text-primary"
_QUOTE_BAR = "▌ "
_HEADINGS = ("bold underline $text-primary", "bold $text-primary", "bold")
_DEEPEST = 17
_LEAST_CELLS = 8
"""However deep a list is nested, its text keeps this much room."""


@dataclass(slots=True)
class _Prefix:
    """What stands left of the rows of a list's item or a quotation."""

    first: Run
    rest: Run
    used: bool = False

    def take(self) -> Run:
        used, self.used = self.used, True
        return self.rest if used else self.first


class LineSheet:
    """One line of words, wrapped."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._width = 0
        self._rows: list[Row] = []

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        if width != self._width:
            self._width, self._rows = width, [Row(part) for part in wrap(self._runs, width)]
        return len(self._rows)

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows."""
        self.height(width)
        return self._rows[y]


@dataclass(frozen=True, slots=True)
class RuleSheet:
    """A line across."""

    at: int

    def height(self, width: int) -> int:  # noqa: ARG002
        """Return how many rows it takes: one."""
        return 1

    def row(self, width: int, y: int) -> Row:  # noqa: ARG002
        """Return its row."""
        return Row((Run("─" * width, MUTED, self.at, fixed=True),))


class FlowSheet:
    """Sheets under one another, each behind prefixes."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.codes: list[CodeSheet] = []
        """The code in it."""
        self._parts: list[tuple[Sheet, tuple[Run, ...], tuple[Run, ...]]] = []
        self._width = 0
        self._rows: list[Row] = []

    def append(self, sheet: Sheet, first: Sequence[Run] = (), rest: Sequence[Run] = ()) -> None:
        """Append a sheet, with what stands left of its first row and of the others."""
        self._parts.append((sheet, tuple(first), tuple(rest)))
        if isinstance(sheet, CodeSheet):
            self.codes.append(sheet)

    def forget(self) -> None:
        """Lay all of it out anew when it is asked for next."""
        self._width = 0

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        if width != self._width:
            self._width, self._rows = width, list(self._lay_out(width))
        return len(self._rows)

    def row(self, width: int, y: int) -> Row:
        """Return one of its rows."""
        self.height(width)
        return self._rows[y]

    def _lay_out(self, width: int) -> Iterator[Row]:
        at = self._at
        for sheet, first, rest in self._parts:
            room = max(_LEAST_CELLS, width - cells(first))
            for y in range(sheet.height(room)):
                row = sheet.row(room, y)
                at = at if row.at is None else row.at
                before = first if y == 0 else rest
                yield _beside(before, row, room, at) if before else row


def sheet_of(text: str, part: Part) -> Sheet:
    """Return a block of ``text`` as a sheet."""
    builder = _Builder(text[part.start : part.end], part)
    return _verbatim(text, part) if part.kind == "math" or builder.is_deep else builder.build()


def _verbatim(text: str, part: Part) -> FlowSheet:
    sheet, at = FlowSheet(part.start), part.start
    for line in text[part.start : part.end].split("\n"):
        sheet.append(LineSheet(text_runs(line, "", at)))
        at += len(line) + 1
    return sheet


def prepare() -> None:
    """Import what the first finished block needs, which takes 100 ms; any thread may do it."""
    text = "```python\nx\n```"
    sheet_of(text, Part("code", 0, len(text)))


def _beside(before: tuple[Run, ...], row: Row, room: int, at: int) -> Row:
    runs = row.runs
    # A marker stands for itself, but what goes on beside text stands for that.
    before = tuple(replace(run, at=at) if run.text.strip(" ▌") == "" else run for run in before)
    if row.fill:
        space = room - cells(runs)
        runs = tuple(Run(r.text, f"{r.style} {row.fill}".strip(), r.at, r.fixed) for r in runs)
        runs += (Run(" " * space, row.fill, runs[-1].at if runs else at, fixed=True),)
    return Row(before + runs)


class _Builder:
    """Walks over the tokens of one block."""

    def __init__(self, text: str, part: Part) -> None:
        self._part = part
        self._cursor = Cursor(text, part.start)
        self._tokens = parser().parse(text)
        self._sheet = FlowSheet(part.start)
        self._prefixes: list[_Prefix] = []
        self._lists: list[int | None] = []
        """The number of the next item of each list that is open; None for bullets."""
        self._line = 0
        self._style = ""

    @property
    def is_deep(self) -> bool:
        """Whether blocks lie so deep in one another that the parser leaves some of them out."""
        return any(token.level >= _DEEPEST for token in self._tokens)

    def build(self) -> Sheet:
        position = 0
        while position < len(self._tokens):
            position = self._take(position)
        return self._sheet

    def _take(self, position: int) -> int:
        token = self._tokens[position]
        match token.type:
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                outermost = self._part.number is not None and not self._lists
                number = self._part.number if outermost else int(token.attrGet("start") or 1)
                self._lists.append(number)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._begin_item(token)
            case "blockquote_open":
                bar = Run(_QUOTE_BAR, MUTED, self._cursor.at, fixed=True)
                self._prefixes.append(_Prefix(bar, bar))
            case "list_item_close" | "blockquote_close":
                if not self._prefixes[-1].used:
                    self._append(LineSheet(()))
                self._prefixes.pop()
            case "heading_open":
                self._style = _HEADINGS[min(int(token.tag[1]), len(_HEADINGS)) - 1]
            case "heading_close":
                self._style = ""
            case "inline":
                self._words(token)
            case "hr":
                self._leave_gap(token)
                self._append(RuleSheet(self._cursor.at))
            case "fence" | "code_block":
                self._leave_gap(token)
                self._append(self._code(token))
            case "table_open":
                self._leave_gap(token)
                return self._table(position)
            case _:
                pass
        return position + 1

    def _begin_item(self, token: Token) -> None:
        number, written = self._lists[-1], token.markup
        if token.map:
            self._leave_gap(token)
            self._cursor.go_to_line(token.map[0])
        at = self._cursor.at
        if number is None:
            mark = _BULLETS[min(len(self._lists), len(_BULLETS)) - 1]
        else:
            mark, written = f"{number}{written}", f"{token.info}{written}"
            self._lists[-1] = number + 1
        outer = self._margin(token) if not self._prefixes else ""
        self._cursor.skip(written)
        first = Run(f"{outer}{mark} ", _MARK, at, fixed=True)
        self._prefixes.append(_Prefix(first, Run(" " * len(first.text), "", at, fixed=True)))

    def _margin(self, token: Token) -> str:
        """Return the spaces that a list stands behind: some models nest lists by too few."""
        line = self._cursor.line(token.map[0] if token.map else 0)[1]
        return line[: len(line) - len(line.lstrip(" "))]

    def _words(self, token: Token) -> None:
        self._leave_gap(token)
        for number, runs in enumerate(lines_of(token, self._cursor, self._style)):
            fresh = number == 0 and self._prefixes and not self._prefixes[-1].used
            if fresh and self._lists:
                box, runs = take_box(runs)
                if box:
                    prefix = self._prefixes[-1].first
                    words = (
                        prefix.text + box if self._lists[-1] is not None else prefix.text[:-2] + box
                    )
                    mark = Run(words, prefix.style, prefix.at, fixed=True)
                    space = Run(" " * len(mark.text), "", prefix.at, fixed=True)
                    self._prefixes[-1] = _Prefix(mark, space)
            self._append(LineSheet(runs))

    def _code(self, token: Token) -> CodeSheet:
        indented = token.type == "code_block"
        language = "" if indented else (token.info.split() or [""])[0]
        start = (token.map or [0])[0]
        at, opening = self._cursor.line(start)
        sheet = CodeSheet(language, at, framed=not indented)
        at += len(opening)
        lines = token.content.removesuffix("\n").split("\n") if token.content else []
        for number, line in enumerate(lines, start + (not indented)):
            # The indentation of the block is no part of its code.
            at, written = self._cursor.line(number)
            at += max(0, len(written.rstrip()) - len(line.rstrip()))
            sheet.append(at, line)
            at += len(line)
        sheet.end(at)
        return sheet

    def _table(self, position: int) -> int:
        first, last = self._tokens[position].map or (0, 0)
        lines = [_bare(*self._cursor.line(number)) for number in range(first, last)]
        self._cursor.go_to_line(last)
        self._append(table_sheet(lines))
        while self._tokens[position].type != "table_close":
            position += 1
        return position + 1

    def _append(self, sheet: Sheet) -> None:
        first = [prefix.take() for prefix in self._prefixes]
        self._sheet.append(sheet, first, [prefix.rest for prefix in self._prefixes])

    def _leave_gap(self, token: Token) -> None:
        """Leave one row free where lines of the text are empty."""
        if token.map is None:
            return
        first, last = token.map
        if first > self._line:
            rest = [prefix.rest for prefix in self._prefixes]
            self._sheet.append(LineSheet(()), rest, rest)
        self._line = first if token.type == "list_item_open" else last


def _bare(at: int, line: str) -> tuple[int, str]:
    """Return a line and its place without what a list or a quotation puts before it."""
    bare = line.lstrip(" >")
    return at + len(line) - len(bare), bare


def table_sheet(lines: Sequence[tuple[int, str]]) -> TableSheet:
    """Return a table made of lines with their places: its head, the line under it, and rows."""
    (at, head), (_, delimiters), *rows = lines
    cells = row_cells(head, at, "bold")
    sheet = TableSheet(cells, alignments(delimiters)[: len(cells)], at)
    for place, line in rows:
        sheet.append(row_cells(line, place), place)
    return sheet


def row_cells(line: str, at: int, style: str = "") -> list[list[Run]]:
    """Return the cells of a table's row that is written in one line."""
    found = []
    for place, text in split_cells(line, at):
        token = parser().parseInline(text.replace("\\|", "|"))[0]
        token.map = None
        (cell, *more) = lines_of(token, Cursor(text, place), style)
        found.append([*cell, *(run for runs in more for run in runs)])
    return found
