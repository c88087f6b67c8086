"""What a chat is made of, as it is kept: plain values that never change once made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from medusa_chat.conversation.preview import Preview

Role = Literal["user", "assistant"]
Ending = Literal["finished", "stopped", "failed", "interrupted"]

UNTITLED = "Untitled"
TITLE_LENGTH = 60
_LONGEST_TITLE = 200

INTERRUPTED = "interrupted"
"""The stop reason of a reply whose program ended before the reply did."""

_ENDINGS: dict[str, Ending] = {
    "cancelled": "stopped",
    "failed": "failed",
    INTERRUPTED: "interrupted",
}


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
    draft: str = ""
    """What guesses were made from; empty in records that do not say."""
    repetition_penalty: float = 1.0
    posterior_threshold: float | None = None
    posterior_alpha: float | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended, and what was measured."""

    stop_reason: str
    """The engine's reason, ``failed`` when it gave none, ``interrupted`` when nobody saw it end."""
    figures: Mapping[str, object] = field(default_factory=dict)
    """Every count and time, by name, as they were measured."""
    figures_line: str = ""
    """The same in one line, as it stood under the reply."""

    @property
    def ending(self) -> Ending:
        """Whether the reply is whole, and if not, why; a length limit makes it no less whole."""
        return _ENDINGS.get(self.stop_reason, "finished")


@dataclass(frozen=True, slots=True)
class Cut:
    """Stands at a prompt above which nothing is sent to the model any more."""

    summary: str = ""
    """What is sent instead, as the model wrote it; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """A prompt or a reply. Only a reply has a recipe, and an outcome once it is over."""

    role: Role
    content: str
    created: datetime
    recipe: Recipe | None = None
    outcome: Outcome | None = None
    id: int = 0
    """Ascends in the order in which the messages of a chat were begun."""
    parent: int | None = None
    """The message that this one follows; None opens a chat."""
    cut: Cut | None = None
    """Of a prompt alone: whether what is above it is still sent."""

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError(f"A message needs a time with a zone, not {self.created}.")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One way through a chat's messages, in the order in which they are read."""

    title: str
    created: datetime
    turns: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What is set for one chat; None leaves it to the program's own settings."""

    model: str | None = None
    base_model: str | None = None
    quantization: str | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_new_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A chat in a list: enough to choose it."""

    id: str
    title: str
    created: datetime
    changed: datetime
    """When something was last said in it."""
    messages: int
    """How many there are, on all branches."""
    model: str | None
    """The model of the latest reply."""
    preview: Preview | None
    """Where the search found something, else the beginning of what was said last."""
    found: int | None = None
    """The message that the search found; None when the title matched, or without a search."""


def title_of(prompt: str) -> str:
    """Return the title of a chat that opens with ``prompt``: its first line, cut."""
    lines = (one_line(line) for line in prompt.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= TITLE_LENGTH:
        return line or UNTITLED
    cut = line[:TITLE_LENGTH]
    # A cut inside a word reads badly, but a language without spaces has no other place.
    head, space, _ = cut.rpartition(" ")
    return (head if space else cut) + "…"


def title_given(name: str) -> str:
    """Return the title of a chat that a user calls ``name``; Untitled when nothing is left."""
    return one_line(name)[:_LONGEST_TITLE].strip() or UNTITLED


def one_line(text: str) -> str:
    """Return text without what cannot be printed, its white space joined to single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def encodable(text: str) -> str:
    """Replace half surrogate pairs, which neither a file nor a terminal can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
