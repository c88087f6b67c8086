"""A reply in the transcript: its text in burst colours, and a line of figures under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable
from medusa_chat.tui.reply_text import ReplyText
from medusa_chat.tui.theme import BURST_STYLES
from medusa_chat.tui.widgets.block import Block, end_of_block
from medusa_chat.tui.widgets.thought import ThoughtLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult

    from medusa_chat.engine.protocol import Piece


class Reply(Vertical):
    """Takes pieces as they come; ``draw`` shows them, at most a few dozen times a second.

    Thinking is folded into one line unless it is asked for.
    """

    def __init__(
        self, text: str = "", status: str = "", *, marked: bool = True, folded: bool = True
    ) -> None:
        """Begin with this text, which belongs to no burst, and this line under it."""
        super().__init__()
        self._marked = marked
        self._folded = folded
        self._text = ReplyText()
        self.blocks: list[Block] = []
        self._thoughts: dict[Block, ThoughtLine] = {}
        """The lines before the first blocks of thinking."""
        self._words = status
        self._status = Static(Content(status), classes="status")
        self._burst = -1
        self._burst_tokens = 0
        self._undrawn: list[Block] = []
        self._text.add(printable(text), "")
        self._place(complete=bool(text))

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
            self._text.add(space, colour)
            self._text.add(
                text[len(space) :], f"{colour} underline" if self._burst_tokens > 1 else colour
            )
        self._place()

    def end(self) -> None:
        """Show all of it: no more will come."""
        self._place(complete=True)
        self.draw()

    def draw(self) -> None:
        """Show what was added; before the reply is on the screen, that waits."""
        if not self._status.is_attached:
            return
        for block in self._undrawn:
            block.draw(marked=self._marked)
            if not block.is_attached:
                line = self._thoughts.get(block)
                self.mount(*([line, block] if line else [block]), before=self._status)
        self._undrawn.clear()
        self._show_thoughts()

    def mark(self, *, marked: bool) -> None:
        """Mark the bursts by colours and underlines, or show plain text."""
        self._marked = marked
        self._undrawn = list(self.blocks)
        self.draw()

    def fold(self, *, folded: bool) -> None:
        """Hide the thinking behind one line, or show it."""
        self._folded = folded
        for block in self.blocks:
            block.display = not (block.thinking and folded)
        self._show_thoughts()

    def show_status(self, words: str) -> None:
        """Put these words under the text."""
        if words != self._words:
            self._words = words
            self._status.update(Content(printable(words)))
            self._status.display = bool(words)

    def _place(self, *, complete: bool = False) -> None:
        stretches = self._text.take(complete=complete)
        if stretches is None:
            self._clear()
            stretches = self._text.take(complete=complete)
            assert stretches is not None, "from the beginning there is nothing to contradict"
        for stretch in stretches:
            text = stretch.text
            self._turn_to(thinking=stretch.thinking)
            while (end := end_of_block(len(self.blocks[-1]), text)) is not None:
                place, mark = end
                self._append(text[:place], stretch.style)
                self.blocks[-1].mark = mark
                self._begin_block(thinking=stretch.thinking)
                text = text[place + len(mark) :]
            self._append(text, stretch.style)

    def _turn_to(self, *, thinking: bool) -> None:
        """Have the last block be one of thinking, or one of the answer."""
        last = self.blocks[-1] if self.blocks else None
        if last is not None and last.thinking == thinking:
            return
        self._begin_block(thinking=thinking)
        if thinking:
            self._thoughts[self.blocks[-1]] = ThoughtLine()

    def _begin_block(self, *, thinking: bool) -> None:
        block = Block(thinking=thinking)
        block.display = not (thinking and self._folded)
        self.blocks.append(block)

    def _append(self, text: str, style: str) -> None:
        block = self.blocks[-1]
        block.add(text, style)
        if not self._undrawn or self._undrawn[-1] is not block:
            self._undrawn.append(block)

    def _clear(self) -> None:
        for widget in (*self.blocks, *self._thoughts.values()):
            if widget.is_attached:
                widget.remove()
        self.blocks, self._undrawn = [], []
        self._thoughts.clear()

    def _show_thoughts(self) -> None:
        if not self._thoughts:
            return
        words: dict[ThoughtLine, int] = {}
        line: ThoughtLine | None = None
        for block in self.blocks:
            line = self._thoughts.get(block, line) if block.thinking else None
            if line is not None:
                words[line] = words.get(line, 0) + block.word_count
        last = next(reversed(self._thoughts.values()))
        for line, count in words.items():
            is_open = line is last and self._text.is_thinking
            line.show(count, open_ended=is_open, folded=self._folded)
