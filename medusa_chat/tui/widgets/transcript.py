"""The conversation on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll

from medusa_chat.tui import words
from medusa_chat.tui.widgets.notice import Kind, Notice
from medusa_chat.tui.widgets.prompt_turn import PromptTurn
from medusa_chat.tui.widgets.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medusa_chat.conversation.conversation import Conversation
    from medusa_chat.engine.protocol import Piece


class Transcript(VerticalScroll, can_focus=False):
    """Turns and notices under one another; follows the end until the reader scrolls up.

    Anchored to its end, a transcript that does not fill the screen stands at the bottom of it.
    """

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._waiting: dict[int, PromptTurn] = {}
        self._reply: Reply | None = None
        self._last_reply: Reply | None = None
        self._marked = True
        self._folded = True

    def show(self, conversation: Conversation) -> None:
        """Begin anew with the turns of a conversation; if it has none, say how to begin."""
        self.remove_children()
        self._waiting.clear()
        self._reply = self._last_reply = None
        if not conversation.turns:
            self.say(words.WELCOME)
        for turn in conversation.turns:
            if turn.role == "user":
                self.mount(PromptTurn(turn.content))
                continue
            status = "not finished"
            if turn.outcome is not None:
                mode = turn.recipe.mode if turn.recipe else None
                status = words.ending(turn.outcome.stop_reason, turn.outcome.figures_line, mode)
            self.mount(Reply(turn.content, status, marked=self._marked, folded=self._folded))
        self.anchor()

    def say(self, text: str, kind: Kind = "note") -> None:
        """Put what the program has to say at the end."""
        self.mount(Notice(text, kind))

    def say_after_reply(self, text: str, kind: Kind) -> None:
        """Put what the program has to say about the last reply behind it, before what waits."""
        self.mount(Notice(text, kind), after=self._last_reply)

    def add_prompt(self, position: int, text: str, waiting: str) -> None:
        """Put a prompt at the end, and go there: who writes wants to read the answer."""
        turn = PromptTurn(text, waiting)
        self._waiting[position] = turn
        self.mount(turn)
        self.anchor()

    def show_waiting(self, waiting: str) -> None:
        """Say what the prompts in line wait for."""
        for turn in self._waiting.values():
            turn.show_waiting(waiting)

    def begin_reply(self, position: int) -> None:
        """Begin a reply under its prompt, which waits no longer."""
        prompt = self._waiting.pop(position)
        prompt.show_waiting("")
        self._reply = self._last_reply = Reply(
            status=words.READING, marked=self._marked, folded=self._folded
        )
        self.mount(self._reply, after=prompt)

    def extend_reply(self, pieces: Iterable[Piece]) -> None:
        """Append to the reply; it is shown by the next ``draw``."""
        if self._reply is not None:
            self._reply.add(pieces)

    def show_reply_status(self, status: str) -> None:
        """Put these words under the reply that is being written."""
        if self._reply is not None:
            self._reply.show_status(status)

    def end_reply(self, status: str) -> None:
        """Show the rest of the reply and the line under it."""
        if self._reply is not None:
            self._reply.end()
            self._reply.show_status(status)
        self._reply = None

    def page(self, direction: int) -> None:
        """Scroll by a page, up (-1) or down (1); at the end, follow it again."""
        if self.max_scroll_y == 0:
            return
        if direction < 0:
            self.scroll_page_up()
        elif self.scroll_target_y + self.size.height < self.max_scroll_y:
            self.scroll_page_down()
        else:
            self.anchor()

    def on_mouse_scroll_down(self) -> None:
        """Go on following the end: a turn of the wheel there moves nothing, but lets go of it."""
        self.call_later(self._follow_at_end)

    def _follow_at_end(self) -> None:
        if self.scroll_y >= self.max_scroll_y:
            self.anchor()

    def toggle_marks(self) -> None:
        """Mark the bursts of all replies, or show them as plain text."""
        self._marked = not self._marked
        for reply in self.query(Reply):
            reply.mark(marked=self._marked)

    def toggle_thinking(self) -> None:
        """Show the thinking of all replies, or fold it away."""
        self._folded = not self._folded
        for reply in self.query(Reply):
            reply.fold(folded=self._folded)

    def draw(self) -> None:
        """Show what was appended to the reply since the last time."""
        if self._reply is not None:
            self._reply.draw()
