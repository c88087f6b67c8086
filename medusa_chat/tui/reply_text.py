"""A reply's text as it comes: which of it can be shown, and what of that is thinking.

Knows no widget. The tags that mark thinking are not shown; what may be half a tag waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.conversation.reasoning import CLOSING, TAGS, segments
from medusa_chat.printable import printable
from medusa_chat.tui.bursts import Bursts

if TYPE_CHECKING:
    from medusa_chat.engine.protocol import Piece
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.markdown.rows import Run

_LONGEST_PART = max(map(len, TAGS)) - 1
"""Of a tag, not all of which has come."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text from ``start`` to ``end`` that is thinking, or answer."""

    start: int
    end: int
    thinking: bool


class ReplyText:
    """All that is kept of a reply while the program runs: text, and the bursts that it came in."""

    def __init__(self, text: str = "") -> None:
        """Begin with text that belongs to no burst."""
        self.text = printable(text)
        self.is_complete = bool(text)
        self.reply_id: int | None = None
        """What the engine calls it; None for one of an earlier run."""
        self.is_thinking = False
        """Whether the text so far ends in the middle of thinking."""
        self._bursts = Bursts(len(self.text))
        self._shown = 0

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        self.text += printable(piece.text)
        self._bursts.add(piece.burst, len(self.text), piece.tokens)

    def reopened(self) -> ReplyText:
        """Return the same with more to come."""
        again = ReplyText(self.text)
        again.is_complete = False
        again._bursts = self._bursts.continued()
        return again

    def end(self) -> None:
        """Take note that no more will come."""
        self.is_complete = True

    def span(self, burst: int) -> tuple[int, int]:
        """Return where the text of a burst begins and ends."""
        return self._bursts.span(burst)

    def runs(self, start: int, end: int, view: BurstView) -> list[Run]:
        """Return a part of the text with its bursts marked."""
        return self._bursts.runs(self.text, start, end, view)

    def stretches(self) -> list[Stretch]:
        """Return which parts of the text are shown, and as what.

        Text that was answer can turn out to be thinking: when a closing tag comes without an
        opening one.
        """
        complete = self.is_complete
        if not any(tag in self.text for tag in TAGS):
            self.is_thinking = False
            self._shown = len(self.text) if complete else max(self._shown, self._certain_end())
            return [Stretch(0, self._shown, False)] if self._shown else []
        found, at = [], 0
        parts = segments(self.text, streaming=not complete)
        for part in parts:
            start = at + len(part.opening)
            if part.body:
                found.append(Stretch(start, start + len(part.body), part.kind == "thinking"))
            at += len(part.text)
        self.is_thinking = bool(parts) and parts[-1].open
        return found

    def _certain_end(self) -> int:
        """Return where a tag may begin that has not come whole."""
        mark = self.text.rfind("<", -_LONGEST_PART)
        if mark < 0 or not any(tag.startswith(self.text[mark:]) for tag in TAGS):
            return len(self.text)
        if CLOSING.startswith(self.text[mark:]):
            # The newlines before a closing tag belong to it.
            return len(self.text[:mark].rstrip("\n"))
        return mark
