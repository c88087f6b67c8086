"""How far a download is: an immutable picture of one moment. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal[
    "waiting", "downloading", "retrying", "checking", "paused", "cancelled", "done", "failed"
]


@dataclass(frozen=True, slots=True)
class FileProgress:
    """One file of a download. Sizes in bytes."""

    repository: str
    name: str
    total_bytes: int
    done_bytes: int
    """On disk, whenever they came there."""


@dataclass(frozen=True, slots=True)
class Progress:
    """All of a download at one moment. ``done_bytes`` counts what was on disk before as well."""

    model: str
    state: State
    files: tuple[FileProgress, ...]
    bytes_per_second: float | None = None
    """Over the last seconds; None before there is a measurement."""
    message: str = ""
    """Why it is retrying, paused or failed, and what to do next."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("cancelled", "done", "failed")

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.total_bytes for file in self.files)

    @property
    def done_bytes(self) -> int:
        """Bytes on disk."""
        return sum(file.done_bytes for file in self.files)

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None while that is not known, or nothing comes."""
        if not self.bytes_per_second:
            return None
        return (self.total_bytes - self.done_bytes) / self.bytes_per_second
