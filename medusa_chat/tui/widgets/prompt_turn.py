"""A prompt in the transcript."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable

_WAITING = "$text 60% italic"


class PromptTurn(Static):
    """What the user said, and what it waits for until it is answered."""

    def __init__(self, text: str, waiting: str = "") -> None:
        self._text = printable(text)
        self._waiting = waiting
        super().__init__(self._words)

    @property
    def _words(self) -> Content:
        words = Content(self._text)
        return Content.assemble(words, "\n", (self._waiting, _WAITING)) if self._waiting else words

    def show_waiting(self, words: str) -> None:
        """Say what the prompt waits for; nothing once it is being answered."""
        if words != self._waiting:
            self._waiting = words
            self.update(self._words)
