"""What the last reply was made of, so that one that was stopped goes on as if it had not been.

A reply is kept as text, and the same text can be cut into other tokens than those the model chose.
While the engine that wrote it still has them, it goes on from those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import StopReason


@dataclass(slots=True)
class Said:
    """One reply while it is decoded, and after."""

    asked: Sequence[int]
    """The prompt's tokens, up to where the reply begins."""
    prompt: Sequence[int]
    """Those, and the tokens of the reply that were there before it was gone on with."""
    text: str = ""
    """All of the reply's text."""
    tokens: list[int] = field(default_factory=list)
    """What was decoded, in order, without the end of the turn."""
    is_known: bool = False
    """Whether these tokens have this text; where a stop string ended it they have more."""

    def note(self, text: str, tokens: Sequence[int], stop_reason: StopReason | None) -> None:
        """Take note of what was said in the end."""
        self.text = text
        self.tokens = list(tokens[:-1] if stop_reason == "eos" else tokens)
        self.is_known = stop_reason != "stop"

    def ids_to(self, text: str, asked: Sequence[int]) -> list[int] | None:
        """Return the tokens up to the end of the reply ``text`` to a prompt, if it is this one."""
        if not self.is_known or self.text != text or list(self.asked) != list(asked):
            return None
        return [*self.prompt, *self.tokens]
