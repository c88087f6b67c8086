"""Who answers the prompts of a benchmark, and what one answer leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from medusa_chat.decoding.stats import Figures, StopReason
from medusa_chat.engine.protocol import ChatMessage

Messages = Sequence[ChatMessage]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: its tokens and what was timed."""

    tokens: tuple[int, ...]
    text: str
    figures: Figures
    forward_steps: int
    """Forward passes after prefill. Figures count bursts: the last one may have taken none."""
    stop_reason: StopReason | None
    peak_bytes: int | None = None
    """The most memory in use while it ran; None where the system does not tell."""

    @property
    def step_seconds(self) -> float | None:
        """The time of a step, all of it: draft, forward, accept, compact. None before one."""
        return self.figures.decode_seconds / self.forward_steps if self.forward_steps else None


class Contestant(Protocol):
    """A way of decoding that is measured beside others."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    @property
    def words(self) -> str:
        """How it decodes, in words."""

    @property
    def is_exact(self) -> bool:
        """Whether its tokens are to be the same as those of all other exact ones."""

    @property
    def is_peer(self) -> bool:
        """Whether it is another program's."""

    @property
    def drafts(self) -> bool:
        """Whether the heads are evaluated."""

    def answer(self, messages: Messages, cancelled: Callable[[], bool]) -> Sample:
        """Answer from an empty state.

        Raises UsageError, ContextFullError or ModelError for a prompt that cannot be answered, and
        PeerError when another program fails.
        """
