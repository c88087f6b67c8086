"""A column that is read while it grows: it follows its end, or keeps what is read where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.scrollbar import ScrollBar
from textual.widget import Widget
from textual.widgets import Static

from medusa_chat.tui.widgets.reading_bar import ReadingBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.geometry import Size
    from textual.layout import DockArrangeResult


class ReadingScroll(VerticalScroll, can_focus=False):
    """Follows its end until the reader scrolls up; then nothing that changes moves the text read.

    Anchored to its end, a column that does not fill the screen stands at the bottom of it.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._arranged: DockArrangeResult | None = None
        self._place: tuple[Widget, int | None, int] | None = None
        """What the first row on the screen shows: of which child, and which place of a reply's text
        or else which row."""
        self._hint = Static(Content("↓ new text below · Ctrl+End"), id="unread")
        self._hint.display = False

    def compose(self) -> ComposeResult:
        """Lay out the hint that there is more to read."""
        yield self._hint

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The bar at its right, made when it is first asked for."""
        if self._vertical_scrollbar is None:
            bar = self._vertical_scrollbar = ReadingBar()
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    @property
    def follows(self) -> bool:
        """Whether the end is kept on the screen."""
        return self._anchored and not self._anchor_released

    def follow(self) -> None:
        """Go to the end and follow it."""
        self.anchor()
        self._note_unread(unread=False)

    def page(self, direction: int) -> None:
        """Scroll by a page, up (-1) or down (1); at the end, follow it again."""
        if self.max_scroll_y == 0:
            return
        if direction < 0:
            self.scroll_page_up()
        elif self.scroll_target_y + self.size.height < self.max_scroll_y:
            self.scroll_page_down()
        else:
            self.follow()

    def note_growth(self) -> None:
        """Take note that there is more to read at the end."""
        self._note_unread(unread=not self.follows)

    def on_mouse_scroll_down(self) -> None:
        """Go on following the end: a turn of the wheel there moves nothing, but lets go of it."""
        self.call_later(self._follow_at_end)

    def _follow_at_end(self) -> None:
        if self.scroll_y >= self.max_scroll_y:
            self.follow()

    def _note_unread(self, *, unread: bool) -> None:
        if unread != self._hint.display:
            self._hint.display = unread

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Remember what is read now."""
        super().watch_scroll_y(old_value, new_value)
        self._remember_place()
        if self.follows or new_value >= self.max_scroll_y:
            self._note_unread(unread=False)

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Arrange the children, and scroll so that what is read stays where it is."""
        arranged = super().arrange(size, optimal)
        if arranged is not self._arranged and not optimal:
            self._arranged = arranged
            if self.follows:
                self._place = None
            else:
                self._keep_place(arranged)
        return arranged

    def _remember_place(self) -> None:
        if self.follows or self._arranged is None:
            self._place = None
            return
        from medusa_chat.tui.widgets.reply import Reply

        y = round(self.scroll_y)
        for placement in self._arranged.placements:
            region, child = placement.region, placement.widget
            if region.y <= y < region.bottom:
                row = y - region.y
                in_text = isinstance(child, Reply) and row < child.size.height
                at = child.place_at(row) if in_text and isinstance(child, Reply) else None
                self._place = child, at, row
                return
        self._place = None

    def _keep_place(self, arranged: DockArrangeResult) -> None:
        if self._place is None:
            return
        from medusa_chat.tui.widgets.reply import Reply

        widget, at, row = self._place
        for placement in arranged.placements:
            if placement.widget is not widget:
                continue
            if at is not None and isinstance(widget, Reply) and widget.place_at(row) != at:
                row = widget.row_of(at)
            bottom = arranged.total_region.bottom - self.container_size.height
            y = max(0, min(placement.region.y + row, bottom))
            if y != round(self.scroll_y):
                # As the layout does it for a column that follows its end.
                self.set_reactive(Widget.scroll_y, y)
                self.set_reactive(Widget.scroll_target_y, y)
                self.vertical_scrollbar.set_reactive(ScrollBar.position, y)
            return
