"""All models at a glance: what ``models.toml`` lists, and what else is in the Hub's cache.

No network is asked and no torch is needed, so it can be made anew whenever something changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medusa_chat.library.speeds import Speed
from medusa_chat.models.memory import Choice

State = Literal["built in", "here", "partial", "remote", "gated"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a model, its base included where it has heads alone. None is "not known"."""

    name: str
    """What ``--model`` takes."""
    title: str
    state: State
    """Of the model and its base together: here only when both are."""
    layout: str | None = None
    """v0.1, shared, merged, vllm; or plain, for a model without heads."""
    heads: int | None = None
    base: str | None = None
    """The base that heads alone belong to."""
    bytes_here: int = 0
    """On disk, whole or in part, the base's included."""
    bytes_total: int | None = None
    """Of all that is needed, the base's included."""
    parameters: int | None = None
    head_parameters: int | None = None
    context_tokens: int | None = None
    licence: str | None = None
    listed: bool = True
    """In models.toml; else only found in the cache."""
    choices: tuple[Choice, ...] = ()
    """At each precision, the device's usual one first: memory, and whether it fits."""
    best: Choice | None = None
    """The first one that fits, or that might."""
    speed: Speed | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def bytes_missing(self) -> int | None:
        """Bytes that are yet to come."""
        return None if self.bytes_total is None else max(0, self.bytes_total - self.bytes_here)
