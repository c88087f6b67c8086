"""One stretch of a reply. A reply is many of them, so that new text draws only the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content, Span
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.geometry import Offset
    from textual.selection import Selection

SOFT_LENGTH = 700
LONG_LENGTH = 2000
FULL_LENGTH = 3000


def end_of_block(filled: int, text: str) -> tuple[int, str] | None:
    """Return where in ``text`` a block that holds ``filled`` characters ends, and at which one.

    A block ends at a newline once it is grown, at a space once it is long, and anywhere (at no
    character: ``""``) once it is full. None when all of the text still fits.
    """
    ends = [
        (place, mark)
        for mark, length in (("\n", SOFT_LENGTH), (" ", LONG_LENGTH))
        if (place := text.find(mark, max(0, length - filled))) >= 0
    ]
    if filled + len(text) > FULL_LENGTH:
        ends.append((max(0, FULL_LENGTH - filled), ""))
    return min(ends, default=None)


class Block(Static):
    """Text in burst colours. ``mark`` is what stood between it and the next block."""

    def __init__(self, *, thinking: bool = False) -> None:
        super().__init__(Content(), classes="thinking" if thinking else None)
        self.thinking = thinking
        self._text = ""
        self._spans: list[Span] = []
        self.mark = "\n"

    def __len__(self) -> int:
        return len(self._text)

    @property
    def word_count(self) -> int:
        """Words in it."""
        return len(self._text.split())

    def add(self, text: str, style: str) -> None:
        """Append text; it is drawn by the next ``draw``."""
        start, end = len(self._text), len(self._text) + len(text)
        self._text += text
        if not style or not text:
            return
        last = self._spans[-1] if self._spans else None
        if last is not None and last.end == start and last.style == style:
            self._spans[-1] = Span(last.start, end, style)
        else:
            self._spans.append(Span(start, end, style))

    def draw(self, *, marked: bool) -> None:
        """Show what was added, with the bursts marked or not."""
        self.update(Content(self._text, list(self._spans) if marked else None))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text and what follows it, so that copying gives the reply's text."""
        start = 0 if selection.start is None else self._place(selection.start)
        end = len(self._text) if selection.end is None else self._place(selection.end)
        return self._text[start:end], self.mark

    def _place(self, offset: Offset) -> int:
        lines = self._text.split("\n")[: offset.y]
        return sum(len(line) + 1 for line in lines) + offset.x
