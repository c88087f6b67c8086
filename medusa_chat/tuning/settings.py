"""What tuning measures, and how often. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat.errors import UsageError

DEFAULT_PROMPTS = 24
DEFAULT_ROUNDS = 8
DEFAULT_NEW_TOKENS = 128
TEMPERATURES = (0.0, 0.7)
"""Greedy, and as replies are drawn unless told otherwise: other guesses are right, other times."""


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """One run of tuning. Raises UsageError for a value that cannot be used."""

    prompts: str | None = None
    """A file of JSON lines; None takes those that ship with the program."""
    most_prompts: int = DEFAULT_PROMPTS
    """So many of them are decoded, of all categories alike."""
    rounds: int = DEFAULT_ROUNDS
    """How often, at least, each tree has its turn while steps are timed."""
    as_json: bool = False

    def __post_init__(self) -> None:
        if self.most_prompts < 1:
            raise UsageError(f"--most-prompts {self.most_prompts} is out of range: 1 or more.")
        if self.rounds < 1:
            raise UsageError(f"--rounds {self.rounds} is out of range: 1 or more.")
