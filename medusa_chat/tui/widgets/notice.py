"""What the program itself has to say, in its place in the transcript."""

from __future__ import annotations

from typing import Literal

from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable

Kind = Literal["note", "error"]

_MARKS = {"note": "", "error": "Error: "}


class Notice(Static):
    """A note, or an error that says so in words and not by its colour alone."""

    def __init__(self, text: str, kind: Kind = "note") -> None:
        super().__init__(Content(_MARKS[kind] + printable(text)), classes=kind)
