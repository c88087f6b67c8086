"""A prompt in the transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_chat.tui.attachments import Attachment

_QUIET = "$text 60% italic"
_FILE = "$text-secondary"


class PromptTurn(Static):
    """What the user said, the files that went along, and what it waits for until it is answered.

    Files are folded to a line each; a click shows them.
    """

    def __init__(self, text: str, waiting: str = "", *, folded: bool = True) -> None:
        from medusa_chat.tui.attachments import split

        words, self._files = split(text)
        self._text = printable(words)
        self._waiting = waiting
        self._folded = folded
        super().__init__(self._words)

    @property
    def _words(self) -> Content:
        parts = [Content(self._text), *self._lines()]
        if self._waiting:
            parts.append(Content.styled(self._waiting, _QUIET))
        return Content("\n").join(parts)

    def _lines(self) -> Iterator[Content]:
        for file in self._files:
            yield Content.styled(_summary(file, folded=self._folded), _FILE)
            if not self._folded:
                yield Content(printable(file.text))

    def show_waiting(self, words: str) -> None:
        """Say what the prompt waits for; nothing once it is being answered."""
        if words != self._waiting:
            self._waiting = words
            self.update(self._words)

    def fold(self, *, folded: bool) -> None:
        """Show the files that went along, or fold them to a line each."""
        self._folded = folded
        if self._files:
            self.update(self._words)

    def on_click(self) -> None:
        """Show the files, or fold them again."""
        self.fold(folded=not self._folded)


def _summary(file: Attachment, *, folded: bool) -> str:
    lines = f"{file.lines} line{'s' * (file.lines != 1)}"
    return printable(f"{'▸' if folded else '▾'} {file.name} · {lines}")
