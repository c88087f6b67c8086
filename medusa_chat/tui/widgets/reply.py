"""A reply in the transcript: its text and a line of figures, in one widget however long it is.

One widget with rows of its own costs a frame a third of what a column of widgets does: of a long
text only the rows on the screen are drawn, and those that are final only once.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from medusa_chat.printable import printable
from medusa_chat.tui.markdown.rows import grapheme_end
from medusa_chat.tui.reply_rows import ReplyRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.color import Color
    from textual.selection import Selection

    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.markdown.code import CodeSheet
    from medusa_chat.tui.markdown.rows import Row, Run
    from medusa_chat.tui.reply_text import ReplyText

_MOST_DRAWN = 200
"""With more rows than that, those that are off the screen are not kept as they were drawn."""


class Reply(Widget):
    """Shows a ``ReplyText``; ``draw`` takes in what was added to it."""

    def __init__(
        self, text: ReplyText, status: str = "", *, view: BurstView = "live", folded: bool = True
    ) -> None:
        super().__init__()
        self.text = text
        self._rows = ReplyRows(text, printable(status), view, folded=folded)
        self._laid_out = (0, 0)
        """The width and height that the layout last asked for."""
        self._styles: dict[str, Style] = {}
        self._drawn: dict[int, tuple[Row, str, Strip]] = {}
        """Rows, the styles under them, and how they were drawn, with what stands beside them."""
        self._ground: tuple[Color, Color] | None = None
        """The colours under the rows as they were drawn."""

    # What it shows -----------------------------------------------------------------------------

    @property
    def shown_text(self) -> str:
        """What is read in it: the rows of the text at its width, and what stands under them."""
        return self._rows.shown_text(self._laid_out[0] or 80)

    @property
    def codes(self) -> list[CodeSheet]:
        """The code in it, from top to bottom."""
        return self._rows.codes

    @property
    def is_drawn(self) -> bool:
        """Whether the layout has room for all that came."""
        width, height = self._laid_out
        return width > 0 and self._rows.height(width) == height == self.size.height

    def draw(self) -> None:
        """Show what was added to the text."""
        self._rows.advance()
        self._update()

    def show_status(self, words: str) -> None:
        """Put these words under the text."""
        words = printable(words)
        if words != self._rows.status:
            self._rows.status = words
            self._update()

    def show_bursts(self, view: BurstView) -> None:
        """Mark the bursts of another view."""
        self._rows.show_bursts(view)
        self.redraw()

    def fold(self, *, folded: bool) -> None:
        """Hide the thinking behind one line, or show it."""
        self._rows.folded = folded
        self.redraw()

    def redraw(self) -> None:
        """Draw all of it again."""
        self._rows.forget()
        self._drawn.clear()
        self.refresh(layout=True)

    def code_at(self, screen_y: int) -> CodeSheet | None:
        """Return the code whose first row is in this row of the screen."""
        y = screen_y - self.content_region.y
        return next((code for code in self.codes if self.row_of(code.at) == y), None)

    def place_at(self, y: int) -> int:
        """Return which place of the text row ``y`` begins with."""
        return self._rows.place_at(self._laid_out[0], y)

    def row_of(self, place: int) -> int:
        """Return the row in which a place of the text is."""
        return self._rows.row_of(self._laid_out[0], place)

    def on_unmount(self) -> None:
        """Give back the memory of the rows, which the collector may not look for."""
        self._drawn.clear()
        self._rows.clear()

    # The layout --------------------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002
        """Take all the width that there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return how many rows there are."""
        if width != self._laid_out[0]:
            self._drawn.clear()
        self._laid_out = (width, self._rows.height(width) if width else 0)
        return self._laid_out[1]

    def _update(self) -> None:
        """Have what changed drawn, and the layout made anew if the height changed."""
        width, height = self._laid_out
        if not self.is_attached or not width:
            return
        if self._rows.height(width) != height:
            self.refresh(layout=True)
            return
        if changed := [y for y in self._drawn if not self._is_drawn(y, self._rows.row(width, y))]:
            first, last = min(changed), max(changed)
            self.refresh(Region(0, first, width, last + 1 - first))

    # Drawing -----------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Take the new colours."""
        super().notify_style_update()
        self._styles.clear()
        self._drawn.clear()

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        self._drawn.clear()
        super().selection_updated(selection)

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """Return the selected text as it was written, and what follows it."""
        text = self.text.text
        start = 0 if selection.start is None else selection.start.x
        end = len(text) if selection.end is None else min(selection.end.x, len(text))
        parts, at = [], start
        for first, last in self._rows.hidden:
            parts.append(text[at : min(first, end)])
            at = max(at, last)
        return "".join([*parts, text[at:end]]), "\n"

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows as they stand on the screen; only those that changed are drawn anew.

        Textual would draw all of them anew with every row that comes.
        """
        ground = self.background_colors
        if ground != self._ground:
            self._ground = ground
            self._drawn.clear()
        top, width = self.gutter.top, self.content_size.width
        if len(self._drawn) > _MOST_DRAWN:
            first, last = crop.y - top, crop.bottom - top
            self._drawn = {y: row for y, row in self._drawn.items() if first <= y < last}
        rows = {y: self._rows.row(width, y - top) for y in crop.line_range}
        if changed := [y for y, row in rows.items() if not self._is_drawn(y - top, row)]:
            first, last = changed[0], changed[-1]
            part = Region(0, first, self.outer_size.width, last + 1 - first)
            # What Textual has kept of these rows may be older still.
            self._styles_cache.clear()
            for y, strip in enumerate(super().render_lines(part), first):
                self._drawn[y - top] = *rows[y], strip
        strips = [self._drawn[y - top][2] for y in crop.line_range]
        if crop.column_span != (0, self.outer_size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _is_drawn(self, y: int, row: tuple[Row, str]) -> bool:
        """Tell whether this row, with the style under it, is what was drawn there."""
        known = self._drawn.get(y)
        return known is not None and known[0] is row[0] and known[1] == row[1]

    def render_line(self, y: int) -> Strip:
        """Return a row as the terminal takes it."""
        width = self.content_size.width
        return self._strip(*self._rows.row(width, y), width)

    def _strip(self, row: Row, under: str, width: int) -> Strip:
        base = self.visual_style
        for name in (under, row.fill):
            if name:
                base += self._style(name)
        first, last = self._selected
        chosen = self._selection_style if first < last else None
        segments: list[Segment] = []
        for run in _cut_at(row, first, last):
            style = base + self._style(run.style) if run.style else base
            if chosen is not None and first <= run.at < last:
                style += chosen
            drawn = style.rich_style_with_offset(run.at, 0)
            if run.fixed:
                # A click on any cell of it means the one place.
                segments += [Segment(char, drawn) for char in run.text or " "]
            else:
                segments.append(Segment(run.text, drawn))
        strip = Strip(segments)
        if strip.cell_length > width:
            strip = strip.crop(0, width)
        return strip.extend_cell_length(width, base.rich_style)

    @property
    def _selected(self) -> tuple[int, int]:
        """From which place of the text to which one is selected; from 0 to 0 if none is."""
        selection = self.text_selection
        if selection is None:
            return 0, 0
        start = 0 if selection.start is None else selection.start.x
        return start, len(self.text.text) + 1 if selection.end is None else selection.end.x

    @property
    def _selection_style(self) -> Style:
        return Style.from_styles(self.screen.get_component_styles("screen--selection"))

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._get_style(name)
        return style


def _cut_at(row: Row, first: int, last: int) -> Iterator[Run]:
    """Yield a row's runs, cut where the selection begins and ends."""
    for run in row.runs:
        if run.fixed or first >= last:
            yield run
            continue
        length = len(run.text)
        edges = (min(max(edge - run.at, 0), length) for edge in (first, last))
        places = [0, *(grapheme_end(run.text, edge) for edge in edges), length]
        for start, end in pairwise(places):
            if start < end:
                yield run.part(start, end)
