"""What a race came to: both sides, how much faster, and whether they wrote the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_chat.decoding.stats import Mode
    from medusa_chat.engine.protocol import Loaded
    from medusa_chat.tui.race.recording import Recording

_SHOWN_CHARACTERS = 40
_BEFORE_CHARACTERS = 16
_CALM = 0.9
"""A step over a tree takes no less than a plain one, but for what a clock does."""

Cause = Literal["defect", "rounding", "typical"]
"""Why two texts differ: nothing may make them, or rounding can, or the acceptance asked for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two texts part."""

    character: int
    """How many characters are the same."""
    token: int
    """How many tokens of the plain one are."""
    before: str
    """The last words that are the same."""
    plain: str
    """How each goes on from there; empty where it ends."""
    medusa: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class RaceResult:
    """A race in which both sides came to their end."""

    prompt: str
    loaded: Loaded
    plain: Recording
    medusa: Recording
    first: Mode
    """Which side was decoded first."""
    when: datetime

    @property
    def seed(self) -> int:
        """That of both sides."""
        return self.plain.started.seed

    @property
    def speed_up(self) -> float | None:
        """How many times as many tokens a second Medusa gives; None for a reply of one token."""
        rates = self.plain.figures.tokens_per_second, self.medusa.figures.tokens_per_second
        return None if rates[0] is None or rates[1] is None else rates[1] / rates[0]

    @property
    def is_disturbed(self) -> bool:
        """Whether plain steps took longer than Medusa's, so that something else took their time.

        What slowed Medusa's steps down cannot be told from what they cost.
        """
        plain, medusa = self.plain.step_seconds, self.medusa.step_seconds
        return plain is not None and medusa is not None and medusa < _CALM * plain

    @property
    def seconds(self) -> float:
        """What the slower side took."""
        return max(self.plain.seconds, self.medusa.seconds)

    @property
    def difference(self) -> Difference | None:
        """Where the texts part, or one of them goes on behind the other; None when neither."""
        plain, medusa = self.plain.text, self.medusa.text
        tokens = self.plain.figures.tokens, self.medusa.figures.tokens
        if plain == medusa and tokens[0] == tokens[1]:
            return None
        pairs = enumerate(zip(plain, medusa, strict=False))
        shorter = min(len(plain), len(medusa))
        place = next((at for at, (one, other) in pairs if one != other), shorter)
        return Difference(
            character=place,
            token=self.plain.tokens_before(place),
            before=plain[max(0, place - _BEFORE_CHARACTERS) : place],
            plain=plain[place : place + _SHOWN_CHARACTERS],
            medusa=medusa[place : place + _SHOWN_CHARACTERS],
            cause=self._cause,
        )

    @property
    def _cause(self) -> Cause:
        settings = self.medusa.settings
        if settings.acceptance == "typical" and settings.temperature > 0:
            return "typical"
        exact = self.loaded.dtype == "float32" and self.loaded.quantization == "none"
        return "defect" if exact else "rounding"
