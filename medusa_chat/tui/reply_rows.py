"""A reply as rows: its thinking and its answer, and the line under them. Knows no widget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_chat.tui.key_names import key
from medusa_chat.tui.markdown.raw import RawSheet
from medusa_chat.tui.markdown.rows import EMPTY, MUTED, Row, Run, text_runs, wrap
from medusa_chat.tui.markdown.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.markdown.code import CodeSheet
    from medusa_chat.tui.reply_text import ReplyText, Stretch

_THOUGHT = f"{MUTED} italic"
_THINKING_MARGIN = 2


class ReplyRows:
    """Lays a ``ReplyText`` out; ``advance`` takes in what was added to it.

    Thinking is one line while it is folded. Text is shown as Markdown where its blocks are
    finished, or all of it as it was written where all of its bursts are to be seen.
    """

    def __init__(self, text: ReplyText, status: str, view: BurstView, *, folded: bool) -> None:
        self.text = text
        self.status = status
        self.folded = folded
        self._view = view
        self._parts: list[_Part] = []
        self._under: tuple[tuple[str, int, int, bool], list[Row]] | None = None
        """The rows under the text, and what they were made for."""
        self.advance()

    @property
    def codes(self) -> list[CodeSheet]:
        """The code in it, from top to bottom; none where text is shown as it was written."""
        parts = (part for part in self._parts if not (part.thinking and self.folded))
        return [code for part in parts for code in part.codes]

    @property
    def hidden(self) -> list[tuple[int, int]]:
        """Which parts of the text are folded away."""
        stretches = (part.stretch for part in self._parts if part.thinking and self.folded)
        return [(stretch.start, stretch.end) for stretch in stretches]

    def advance(self) -> None:
        """Take in what was added to the text."""
        stretches = self.text.stretches()
        if not _continues([part.stretch for part in self._parts], stretches):
            self._parts = []
        for number, stretch in enumerate(stretches):
            is_last = number == len(stretches) - 1
            if number == len(self._parts):
                self._parts.append(_Part(self.text, stretch, self._view))
            is_open = is_last and self.text.is_thinking
            complete = not is_last or self.text.is_complete
            self._parts[number].advance(stretch, is_open=is_open, complete=complete)

    def show_bursts(self, view: BurstView) -> None:
        """Mark the bursts of another view."""
        if view != self._view:
            self._view, self._parts = view, []
            self.advance()

    def clear(self) -> None:
        """Drop all rows."""
        self._parts = []

    def forget(self) -> None:
        """Make the rows anew that show which code is chosen."""
        for part in self._parts:
            part.forget()

    def height(self, width: int) -> int:
        """Return how many rows it takes."""
        return self._text_height(width) + len(self._status_rows(width))

    def settled_height(self, width: int) -> int:
        """Return how many rows nothing but a change of the width can change."""
        if not self._parts:
            return 0
        *closed, last = self._parts
        above = sum(part.height(width, folded=self.folded) for part in closed)
        return above + last.settled_height(width)

    def row(self, width: int, y: int) -> tuple[Row, str]:
        """Return a row and the style under all of it."""
        for part in self._parts:
            height = part.height(width, folded=self.folded)
            if y < height:
                return part.row(width, y, folded=self.folded)
            y -= height
        rows = self._status_rows(width)
        return (rows[y] if y < len(rows) else EMPTY), MUTED

    def place_at(self, width: int, y: int) -> int:
        """Return which place of the text row ``y`` begins with, or the row below that has one."""
        for row in range(max(y, 0), self._text_height(width)):
            if (at := self.row(width, row)[0].at) is not None:
                return at
        return len(self.text.text)

    def row_of(self, width: int, place: int) -> int:
        """Return the row in which a place of the text is."""
        low, high = 0, max(0, self._text_height(width) - 1)
        while low < high:
            middle = (low + high + 1) // 2
            if self.place_at(width, middle) <= place:
                low = middle
            else:
                high = middle - 1
        return low

    def shown_text(self, width: int) -> str:
        """Return what is read in it: the rows of the text, and what stands under them."""
        rows = [self.row(width, y)[0].text for y in range(self._text_height(width))]
        return "\n".join([*rows, self.status] if self.status else rows)

    def _text_height(self, width: int) -> int:
        return sum(part.height(width, folded=self.folded) for part in self._parts)

    def _status_rows(self, width: int) -> list[Row]:
        if not self.status:
            return []
        end = len(self.text.text)
        made_for = (self.status, width, end, bool(self._parts))
        if self._under is None or self._under[0] != made_for:
            words = [replace(run, fixed=True, at=end) for run in text_runs(self.status)]
            rows = [Row(part) for part in wrap(words, width)]
            self._under = made_for, [EMPTY, *rows] if self._parts else rows
        return self._under[1]


class _Part:
    """A stretch of thinking or of the answer, as Markdown or as it was written."""

    def __init__(self, reply: ReplyText, stretch: Stretch, view: BurstView) -> None:
        self.stretch = stretch
        self.thinking = stretch.thinking
        self._reply = reply
        self._is_open = False
        self._words = (0, 0)
        """How many words there are up to which place."""
        self._section: Section | None = None
        self._raw: RawSheet | None = None

        def colour(start: int, end: int) -> list[Run]:
            return reply.runs(start, end, view)

        if view in ("bursts", "depth"):
            self._raw = RawSheet(stretch.start, colour)
        else:
            self._section = Section(stretch.start, colour)

    @property
    def codes(self) -> Iterator[CodeSheet]:
        return self._section.codes if self._section is not None else iter(())

    def advance(self, stretch: Stretch, *, is_open: bool, complete: bool) -> None:
        self.stretch, self._is_open = stretch, is_open
        text = self._reply.text
        if self._section is not None:
            self._section.advance(text, stretch.end, complete=complete)
        elif self._raw is not None:
            end = len(text[: stretch.end].rstrip("\n")) if complete else stretch.end
            self._raw.extend(text[stretch.start + len(self._raw) : end])

    def forget(self) -> None:
        if self._section is not None:
            self._section.forget()

    def height(self, width: int, *, folded: bool) -> int:
        if not self.thinking:
            return self._sheet.height(width)
        return 1 if folded else 1 + self._sheet.height(width - _THINKING_MARGIN)

    def settled_height(self, width: int) -> int:
        if self.thinking or self._section is None:
            return 0
        return self._section.settled_height(width)

    def row(self, width: int, y: int, *, folded: bool) -> tuple[Row, str]:
        if not self.thinking:
            return self._sheet.row(width, y), ""
        if y == 0:
            return self._line(folded=folded), _THOUGHT
        row = self._sheet.row(width - _THINKING_MARGIN, y - 1)
        at = row.at if row.at is not None else self.stretch.start
        margin = Run(" " * _THINKING_MARGIN, "", at, fixed=True)
        return Row((margin, *row.runs), row.fill), MUTED

    @property
    def _sheet(self) -> Section | RawSheet:
        sheet = self._section or self._raw
        assert sheet is not None
        return sheet

    def _line(self, *, folded: bool) -> Row:
        if self._words[1] != self.stretch.end:
            text = self._reply.text[self.stretch.start : self.stretch.end]
            self._words = len(text.split()), self.stretch.end
        state = "thinking…" if self._is_open else "thought"
        mark, does = ("▸", "shows") if folded else ("▾", "folds")
        words = f"{mark} {state} {self._words[0]} words · {key('thinking')} {does} it"
        return Row((Run(words, "", self.stretch.start, fixed=True),))


def _continues(old: list[Stretch], new: list[Stretch]) -> bool:
    """Tell whether ``new`` only adds to ``old``."""
    if len(new) < len(old):
        return False
    if not old:
        return True
    *closed, last = old
    if new[: len(closed)] != closed:
        return False
    grown = new[len(closed)]
    return (grown.start, grown.thinking) == (last.start, last.thinking) and grown.end >= last.end
