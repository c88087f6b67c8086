"""A conversation and its turns, as they are kept: plain values that never change once made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Role = Literal["user", "assistant"]

TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Recipe:
    """What made a reply, as far as it decides the text: the model and every setting in force."""

    model: str
    base_model: str
    dtype: str
    device: str
    quantization: str
    mode: str
    """``medusa`` or ``plain``."""
    tree: str
    acceptance: str
    temperature: float
    top_p: float
    top_k: int
    seed: int
    max_new_tokens: int
    system: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """The programs that took part, by name: the model's text can change with any of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended, and what was measured."""

    stop_reason: str
    """The engine's reason, or ``failed`` when it gave none."""
    figures: Mapping[str, object] = field(default_factory=dict)
    """Every count and time, by name, as they were measured."""
    figures_line: str = ""
    """The same in one line, as it stood under the reply."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. Only a reply has a recipe, and an outcome once it is over."""

    role: Role
    content: str
    created: datetime
    recipe: Recipe | None = None
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError(f"A turn needs a time with a zone, not {self.created}.")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in the order in which they are read: a reply follows the prompt that it answers."""

    title: str
    created: datetime
    turns: tuple[Turn, ...] = ()


def title_of(prompt: str) -> str:
    """Return the title of a conversation that opens with ``prompt``: its first words, one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in prompt).split())
    if len(line) <= TITLE_LENGTH:
        return line or "Untitled"
    cut = line[:TITLE_LENGTH]
    # A cut inside a word reads badly, but a language without spaces has no other place.
    head, space, _ = cut.rpartition(" ")
    return (head if space else cut) + "…"
