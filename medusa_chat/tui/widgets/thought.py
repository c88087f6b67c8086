"""Where a reply's thinking begins: one line that stands for it while it is folded away."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class ThoughtLine(Static):
    """Says how long the thinking is, whether it goes on, and which key shows or hides it."""

    def __init__(self) -> None:
        super().__init__(Content(), classes="thought")
        self._shown = ""

    def show(self, words: int, *, open_ended: bool, folded: bool) -> None:
        """Draw the line for thinking of this many words."""
        state = "thinking…" if open_ended else "thought"
        mark, does = ("▸", "shows") if folded else ("▾", "folds")
        text = f"{mark} {state} {words} words · F7 {does} it"
        if text != self._shown:
            self._shown = text
            self.update(Content(text))
