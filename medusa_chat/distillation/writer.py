"""Who writes the answers: the model in batches, the engine one by one, or a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from medusa_chat.engine.protocol import ChatMessage

End = Literal["end", "truncated", "no room", "refused"]
"""How an answer ended: by itself, for want of room, or not begun: no room for it, or refused."""


class InterruptedWritingError(Exception):
    """Ctrl+C came while answers were written; what is not finished is left out."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered, and how: ``temperature`` 0 is greedy, ``seed`` has 31 bits."""

    messages: tuple[ChatMessage, ...]
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's text, how many tokens it took, and how it ended."""

    text: str
    end: End
    tokens: int = 0
    reason: str = ""
    """Why there is none."""


Came = Callable[[int, Reply], object]
"""Is told of a reply, and of which question by its place."""


def unheeded(_at: int, _reply: Reply) -> None:
    """Let replies come unheeded."""


class Writer(Protocol):
    """Writes answers that depend on their question alone, not on what is written beside them."""

    @property
    def at_once(self) -> int:
        """How many questions it takes at best."""

    @property
    def words(self) -> str:
        """How it writes, for people."""

    def replies(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], came: Came = unheeded
    ) -> list[Reply]:
        """Return the replies in the questions' order; ``came`` is given each as it comes.

        Raises InterruptedWritingError when ``cancelled`` says so, MedusaChatError when nothing can
        be answered any more.
        """
