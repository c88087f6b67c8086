"""One side of a race on the screen: its text as it came, and its gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from medusa_chat.tui.race.card import DASH
from medusa_chat.tui.race.recording import seconds_of
from medusa_chat.tui.reply_text import ReplyText
from medusa_chat.tui.widgets.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from medusa_chat.decoding.stats import Figures, Mode
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.race.recording import Arrival

NAMES: dict[Mode, str] = {"plain": "Plain", "medusa": "Medusa"}
_NAME_STYLES: dict[Mode, str] = {"plain": "bold $text-primary", "medusa": "bold $text-success"}
_COLOURS: dict[Mode, str] = {"plain": "$primary", "medusa": "$success"}
_VALUE = "bold $foreground"
_MOST_BAR = 40


class RacePane(Vertical):
    """Shows as many arrivals of a side as it is told to."""

    def __init__(self, mode: Mode, view: BurstView) -> None:
        """Show a side, its bursts marked as ``view`` says, also where that says only live ones."""
        super().__init__(id=f"race-{mode}", classes="race-pane")
        self._mode = mode
        self._view: BurstView = "bursts" if view == "live" else view
        self._title = Static(classes="race-name")
        self._scroll = VerticalScroll(classes="race-text")
        self._gauges = Static(classes="race-gauges")
        self._drawn = 0
        self._begin()

    def compose(self) -> ComposeResult:
        """Lay out the name, the text and the gauges."""
        yield self._title
        with self._scroll:
            yield self._reply
        yield self._gauges

    def show(self, arrivals: Sequence[Arrival], count: int, *, is_whole: bool) -> None:
        """Show the text of the first ``count`` arrivals; the whole of it when there are no more."""
        if count < self._drawn:
            self._scroll.remove_children()
            self._begin()
            self._scroll.mount(self._reply)
        is_end = is_whole and not self._text.is_complete
        if count == self._drawn and not is_end:
            return
        for arrival in arrivals[self._drawn : count]:
            for piece in arrival.pieces:
                self._text.add(piece)
        self._drawn = count
        if is_end:
            self._text.end()
        follows = self._scroll.is_vertical_scroll_end
        self._reply.draw()
        if follows:  # who has scrolled up is reading
            self._scroll.scroll_end(animate=False)

    def go_to_end(self) -> None:
        """Show the end of the text, as after the pane has become smaller."""
        self._scroll.scroll_end(animate=False)

    def show_state(self, state: str) -> None:
        """Say what the side is doing."""
        name = NAMES[self._mode]
        self._title.update(Content.assemble((name, _NAME_STYLES[self._mode]), f"  {state}"))

    def show_gauges(self, figures: Figures | None, seconds: float | None, total: int) -> None:
        """Show the figures so far; ``total`` is how many tokens there will be, 0 if unknown."""
        speed = figures.tokens_per_second if figures else None
        accepted = figures.accepted_per_step if figures else None
        tokens = figures.tokens if figures else 0
        if seconds is None and figures is not None:
            seconds = seconds_of(figures)
        first = (
            (DASH if speed is None else f"{speed:.0f}", _VALUE),
            " tok/s · ",
            (DASH if accepted is None else f"{accepted:.2f}", _VALUE),
            " accepted/step",
        )
        counts = f"{tokens} tokens · {DASH if seconds is None else f'{seconds:.1f} s'}"
        room = self._gauges.content_region.width - cell_len(counts) - 2
        width = max(0, min(room, _MOST_BAR))
        filled = width * tokens // total if total else 0
        bar = ("█" * filled, _COLOURS[self._mode]), ("·" * (width - filled), "")
        space = ["  "] if width else []
        self._gauges.update(Content.assemble(*first, "\n", *bar, *space, counts))

    def _begin(self) -> None:
        self._text = ReplyText()
        self._reply = Reply(self._text, view=self._view)
        self._drawn = 0
