"""A prompt in the transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult


class PromptTurn(Vertical):
    """What the user said, and what it waits for until it is answered."""

    def __init__(self, text: str, waiting: str = "") -> None:
        super().__init__()
        self._text = text
        self._words = waiting
        self._waiting = Static(Content(waiting), classes="waiting")
        self._waiting.display = bool(waiting)

    def compose(self) -> ComposeResult:
        """Lay out the text and the line under it."""
        yield Static(Content(printable(self._text)), classes="text")
        yield self._waiting

    def show_waiting(self, words: str) -> None:
        """Say what the prompt waits for; nothing once it is being answered."""
        if words != self._words:
            self._words = words
            self._waiting.update(Content(words))
            self._waiting.display = bool(words)
