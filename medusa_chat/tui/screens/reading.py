"""What a reader does in the chat: scroll, go to a message or to code, copy it, look at bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from medusa_chat.tui.clipboard import copy
from medusa_chat.tui.slash import choice

if TYPE_CHECKING:
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.widgets.transcript import Transcript


class ReadingScreen(Screen[None]):
    """A screen around a transcript."""

    _transcript: Transcript

    def action_page(self, direction: int) -> None:
        """Scroll the transcript by a page."""
        self._transcript.page(direction)

    def action_follow(self) -> None:
        """Go to the end of the transcript and follow it."""
        self._transcript.follow()

    def action_toggle_marks(self, view: str = "") -> None:
        """Mark the bursts of all replies in another way: in this one, else in the next."""
        if view:
            from medusa_chat.tui.bursts import BURST_VIEWS

            self._transcript.burst_view = cast("BurstView", choice("/marks", view, BURST_VIEWS))
        else:
            self._transcript.show_next_burst_view()

    def action_toggle_thinking(self) -> None:
        """Show the thinking of the replies, or fold it away."""
        self._transcript.toggle_thinking()

    def action_choose_message(self, direction: int) -> None:
        """Go to the message above (-1) or below (1)."""
        self._transcript.choose_message(direction)

    def action_choose_code(self, direction: int) -> None:
        """Go to the code above (-1) or below (1)."""
        self._transcript.choose_code(direction)

    def action_copy_chosen(self) -> None:
        """Copy the message or the code gone to, else the last reply."""
        transcript = self._transcript
        if transcript.chosen_text:
            app: Any = self.app
            copy(app, transcript.chosen_text, transcript.chosen_kind)
