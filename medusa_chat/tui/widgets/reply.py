"""A reply in the transcript: its text, and a line of figures under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable
from medusa_chat.tui.widgets.reply_body import ReplyBody

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.reply_text import ReplyText


class Reply(Vertical):
    """Shows a ``ReplyText``; ``draw`` takes in what was added to it."""

    def __init__(
        self, text: ReplyText, status: str = "", *, view: BurstView = "live", folded: bool = True
    ) -> None:
        super().__init__()
        self.body = ReplyBody(text, view=view, folded=folded)
        self._words = status
        self._status = Static(Content(printable(status)), classes="status")

    def compose(self) -> ComposeResult:
        """Lay out the text and the line under it."""
        yield self.body
        yield self._status

    def draw(self) -> None:
        """Show what was added to the text."""
        self.body.advance()

    def show_status(self, words: str) -> None:
        """Put these words under the text."""
        if words != self._words:
            self._words = words
            self._status.update(Content(printable(words)))
            self._status.display = bool(words)
