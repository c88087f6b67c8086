"""The bar beside a column that is read while it grows: it moves with every row that comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.color import Color
    from textual.geometry import Region

_MOST_KINDS = 64


class ReadingBar(ScrollBar):
    """Textual's scroll bar, whose rows are of a few kinds: each kind is drawn once.

    Drawn row by row in every frame it takes a fifth of what all of the screen does.
    """

    def __init__(self) -> None:
        super().__init__(vertical=True, name="vertical")
        self._kinds: dict[Segment, Strip] = {}
        self._ground: tuple[Color, Color] | None = None
        """The colours under the rows as they were drawn."""

    def notify_style_update(self) -> None:
        """Take the new colours."""
        super().notify_style_update()
        self._kinds.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return its rows as they stand on the screen."""
        bar = self.render()
        if not isinstance(bar, ScrollBarRender) or crop.width != self.size.width:
            return super().render_lines(crop)
        if self.background_colors != self._ground or len(self._kinds) > _MOST_KINDS:
            self._ground = self.background_colors
            self._kinds.clear()
        style = self.app.console.get_style(bar.style)
        assert style.color is not None
        assert style.bgcolor is not None
        rows = bar.render_bar(
            size=self.size.height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            thickness=self.size.width,
            back_color=style.bgcolor,
            bar_color=style.color,
        ).segments
        return [self._strip(row) for row in rows[crop.y : crop.bottom]]

    def _strip(self, row: Segment) -> Strip:
        strip = self._kinds.get(row)
        if strip is None:
            base = self.visual_style.rich_style
            drawn = Segment(row.text, base + row.style if row.style else base)
            strip = Strip([drawn], self.size.width)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, self.background_colors[1])
            self._kinds[row] = strip
        return strip
