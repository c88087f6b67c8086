"""A reply's text in one widget, however long: of its rows only those on the screen are drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from medusa_chat.tui.markdown.code import CodeSheet
from medusa_chat.tui.markdown.raw import RawSheet
from medusa_chat.tui.markdown.rows import Row, Run
from medusa_chat.tui.markdown.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.selection import Selection
    from textual.style import Style

    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.reply_text import ReplyText, Stretch

_THOUGHT = "$text-muted italic"
_THINKING = "$text-muted"
_THINKING_MARGIN = 2


class ReplyBody(Widget):
    """Draws a ``ReplyText``; ``advance`` takes in what was added to it.

    Thinking is one line while it is folded. Text is shown as Markdown where its blocks are
    finished, or all of it as it was written where all of its bursts are to be seen.
    """

    def __init__(self, text: ReplyText, *, view: BurstView, folded: bool) -> None:
        super().__init__()
        self.reply = text
        self._view = view
        self._folded = folded
        self._parts: list[_Part] = []
        self._laid_out = (0, 0)
        """The width and height that the layout last asked for."""
        self._settled = 0
        """How many rows were final when they were last drawn."""
        self._styles: dict[str, Style] = {}
        self._strips: dict[int, Strip] = {}
        self.advance()

    # What it shows -----------------------------------------------------------------------------

    @property
    def shown_text(self) -> str:
        """What is read in it, row by row, at the width that it has."""
        width = self._laid_out[0] or 80
        rows = (self._row(width, y)[0] for y in range(self._height(width)))
        return "\n".join(row.text for row in rows)

    @property
    def codes(self) -> list[CodeSheet]:
        """The code in it, from top to bottom; none where text is shown as it was written."""
        parts = (part for part in self._parts if not (part.thinking and self._folded))
        return [code for part in parts for code in part.codes]

    def advance(self) -> None:
        """Take in what was added to the text, and show it."""
        stretches = self.reply.stretches()
        known = [part.stretch for part in self._parts]
        if not _continues(known, stretches):
            self._parts = []
        for number, stretch in enumerate(stretches):
            is_last = number == len(stretches) - 1
            if number == len(self._parts):
                self._parts.append(_Part(self.reply, stretch, self._view))
            is_open = is_last and self.reply.is_thinking
            complete = not is_last or self.reply.is_complete
            self._parts[number].advance(stretch, is_open=is_open, complete=complete)
        self._update()

    def show(self, *, view: BurstView | None = None, folded: bool | None = None) -> None:
        """Mark the bursts of another view, or fold or unfold the thinking."""
        if folded is not None:
            self._folded = folded
        if view is not None and view != self._view:
            self._view = view
            self._parts = []
            self.advance()
        self._update(anew=True)

    def redraw(self) -> None:
        """Draw all of it again."""
        self._update(anew=True)

    # Where things are --------------------------------------------------------------------------

    def place_at(self, y: int) -> int:
        """Return which place of the text row ``y`` begins with."""
        width, height = self._laid_out
        for row in range(max(y, 0), min(height, y + 3)):
            at = self._row(width, row)[0].at
            if at is not None:
                return at
        return 0

    def row_of(self, place: int) -> int:
        """Return the row in which a place of the text is."""
        width, height = self._laid_out
        low, high = 0, max(0, height - 1)
        while low < high:
            middle = (low + high + 1) // 2
            at = self._place_near(width, middle)
            if at is not None and at <= place:
                low = middle
            else:
                high = middle - 1
        return low

    def _place_near(self, width: int, y: int) -> int | None:
        """Return the place of row ``y``, or of the nearest row above it that has one."""
        for row in range(y, -1, -1):
            if (at := self._row(width, row)[0].at) is not None:
                return at
        return 0

    # Rows --------------------------------------------------------------------------------------

    def _height(self, width: int) -> int:
        return sum(part.height(width, folded=self._folded) for part in self._parts)

    def _settled_height(self, width: int) -> int:
        """Return how many rows nothing but a change of the width can change."""
        if not self._parts:
            return 0
        *closed, last = self._parts
        above = sum(part.height(width, folded=self._folded) for part in closed)
        return above + last.settled_height(width)

    def _row(self, width: int, y: int) -> tuple[Row, str]:
        """Return a row and the style under all of it."""
        for part in self._parts:
            height = part.height(width, folded=self._folded)
            if y < height:
                return part.row(width, y, folded=self._folded)
            y -= height
        return Row(), ""

    # Drawing -----------------------------------------------------------------------------------

    def _update(self, *, anew: bool = False) -> None:
        """Have what changed drawn, and the layout made anew if the height changed."""
        if not self.is_attached:
            return
        width, height = self._laid_out
        if anew:
            self._strips.clear()
        before, self._settled = self._settled, self._settled_height(width) if width else 0
        if anew or width == 0 or self._height(width) != height:
            self.refresh(layout=True)
            return
        first = min(before, self._settled, height)
        self.refresh(Region(0, first, width, height - first))

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002
        """Take all the width that there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return how many rows the text takes."""
        if width != self._laid_out[0]:
            self._strips.clear()
        self._laid_out = (width, self._height(width))
        return self._laid_out[1]

    def notify_style_update(self) -> None:
        """Take the new colours."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        self._strips.clear()
        super().selection_updated(selection)

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """Return the selected text as it was written, and what follows it."""
        text = self.reply.text
        start = 0 if selection.start is None else selection.start.x
        end = len(text) if selection.end is None else min(selection.end.x, len(text))
        hidden = [part.stretch for part in self._parts if part.thinking and self._folded]
        for stretch in reversed(hidden):
            if start < stretch.end and stretch.start < end:
                text = text[: max(start, stretch.start)] + text[min(end, stretch.end) :]
                end -= min(end, stretch.end) - max(start, stretch.start)
        return text[start:end], "\n"

    def render_line(self, y: int) -> Strip:
        """Return a row of the text as the terminal takes it."""
        strip = self._strips.get(y)
        if strip is None:
            width = self.size.width
            strip = self._strip(*self._row(width, y), width)
            if y < self._settled_height(width):
                self._strips[y] = strip
        return strip

    def _strip(self, row: Row, under: str, width: int) -> Strip:
        base = self.visual_style
        if under:
            base += self._style(under)
        if row.fill:
            base += self._style(row.fill)
        first, last = self._selected
        chosen = self._selection_style if first < last else None
        segments: list[Segment] = []
        for run in _selectable(row, first, last):
            style = base + self._style(run.style) if run.style else base
            if chosen is not None and first <= run.at < last:
                style += chosen
            meta = style.rich_style_with_offset(run.at, 0)
            if run.fixed:
                # A click on any cell of it means the one place.
                segments += [Segment(char, meta) for char in run.text or " "]
            else:
                segments.append(Segment(run.text, meta))
        strip = Strip(segments)
        if strip.cell_length > width:
            strip = strip.crop(0, width)
        return strip.extend_cell_length(width, base.rich_style)

    @property
    def _selected(self) -> tuple[int, int]:
        """From which place of the text to which one is selected; nothing from 0 to 0."""
        selection = self.text_selection
        if selection is None:
            return 0, 0
        start = 0 if selection.start is None else selection.start.x
        return start, len(self.reply.text) + 1 if selection.end is None else selection.end.x

    @property
    def _selection_style(self) -> Style:
        from textual.style import Style

        return Style.from_styles(self.screen.get_component_styles("screen--selection"))

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._get_style(name)
        return style


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
        return Row((margin, *row.runs), row.fill), _THINKING

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
        words = f"{mark} {state} {self._words[0]} words · F7 {does} it"
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


def _selectable(row: Row, first: int, last: int) -> Iterator[Run]:
    """Yield a row's runs, cut where the selection begins and ends."""
    for run in row.runs:
        if run.fixed or first >= last:
            yield run
            continue
        length = len(run.text)
        places = [0, *(min(max(edge - run.at, 0), length) for edge in (first, last)), length]
        for start, end in pairwise(places):
            if start < end:
                yield run.part(start, end)
