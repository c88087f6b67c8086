"""What loading a model takes from the Hub: which repositories, which files, how many bytes."""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat.models.hub.reference import Reference


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository, as the Hub lists it."""

    name: str
    size: int
    """Bytes."""
    etag: str
    """Its name in the cache: the SHA-256 of a large file, git's SHA-1 of a small one."""


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """What is wanted of one repository at one commit."""

    reference: Reference
    commit: str
    files: tuple[RemoteFile, ...]
    bytes_here: int
    """Of these files, whole or in part, in the cache already."""
    licence: str | None = None
    gated: bool = False

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a model needs: its own repository first, then its base's, if that is another."""

    model: str
    repositories: tuple[RepositoryPlan, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(part.total_bytes for part in self.repositories)

    @property
    def bytes_here(self) -> int:
        """Bytes in the cache already."""
        return sum(part.bytes_here for part in self.repositories)

    @property
    def bytes_missing(self) -> int:
        """Bytes yet to come."""
        return self.total_bytes - self.bytes_here
