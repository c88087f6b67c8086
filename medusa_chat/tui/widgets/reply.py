"""A reply in the transcript: its text in burst colours, and a line of figures under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable
from medusa_chat.tui.theme import BURST_STYLES
from medusa_chat.tui.widgets.block import Block, end_of_block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult

    from medusa_chat.engine.protocol import Piece


class Reply(Vertical):
    """Takes pieces as they come; ``draw`` shows them, at most a few dozen times a second."""

    def __init__(self, text: str = "", status: str = "", *, marked: bool = True) -> None:
        """Begin with this text, which belongs to no burst, and this line under it."""
        super().__init__()
        self._marked = marked
        self.blocks = [Block()]
        self._words = status
        self._status = Static(Content(status), classes="status")
        self._burst = -1
        self._burst_tokens = 0
        self._undrawn: list[Block] = []
        self._place(printable(text), "")

    def compose(self) -> ComposeResult:
        """Lay out the status line; blocks are put before it as they are drawn."""
        yield self._status

    def on_mount(self) -> None:
        """Show what was added meanwhile."""
        self.draw()

    def add(self, pieces: Iterable[Piece]) -> None:
        """Append what came; it is shown by the next ``draw``."""
        for piece in pieces:
            if piece.burst != self._burst:
                self._burst, self._burst_tokens = piece.burst, 0
            self._burst_tokens += piece.tokens
            colour = BURST_STYLES[piece.burst % len(BURST_STYLES)]
            text = printable(piece.text)
            # Drafts that were right are underlined as well, for those who cannot tell the colours;
            # not the space before them, which would only look like a rule.
            space = text[: len(text) - len(text.lstrip())]
            self._place(space, colour)
            self._place(
                text[len(space) :], f"{colour} underline" if self._burst_tokens > 1 else colour
            )

    def draw(self) -> None:
        """Show what was added; before the reply is on the screen, that waits."""
        if not self._status.is_attached:
            return
        for block in self._undrawn:
            block.draw(marked=self._marked)
            if not block.is_attached:
                self.mount(block, before=self._status)
        self._undrawn.clear()

    def mark(self, *, marked: bool) -> None:
        """Mark the bursts by colours and underlines, or show plain text."""
        self._marked = marked
        self._undrawn = list(self.blocks)
        self.draw()

    def show_status(self, words: str) -> None:
        """Put these words under the text."""
        if words != self._words:
            self._words = words
            self._status.update(Content(printable(words)))
            self._status.display = bool(words)

    def _place(self, text: str, style: str) -> None:
        while (end := end_of_block(len(self.blocks[-1]), text)) is not None:
            place, mark = end
            self._append(text[:place], style)
            self.blocks[-1].mark = mark
            self.blocks.append(Block())
            text = text[place + len(mark) :]
        self._append(text, style)

    def _append(self, text: str, style: str) -> None:
        block = self.blocks[-1]
        block.add(text, style)
        if not self._undrawn or self._undrawn[-1] is not block:
            self._undrawn.append(block)
