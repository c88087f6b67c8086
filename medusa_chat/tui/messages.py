"""What widgets tell the screen: things that happened, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class PromptSubmitted(Message):
    """The user sent this prompt."""

    text: str
