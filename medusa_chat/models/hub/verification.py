"""Checks the files of a model in the Hub's cache against the checksums that they are named by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.checksum import is_checksum, new_checksum
from medusa_chat.models.hub.explain import unwritable
from medusa_chat.models.hub.plan import RemoteFile
from medusa_chat.models.hub.progress import FileProgress, Progress
from medusa_chat.models.hub.reference import Reference

_READ_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Defect:
    """A file that is not what its name in the cache promises."""

    repository: str
    name: str
    pointer: Path
    blob: Path
    reason: str

    def remove(self) -> None:
        """Remove it, so that the next download brings it anew. Raises HubError."""
        try:
            self.pointer.unlink(missing_ok=True)
            self.blob.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(error, cache.root(), self.repository) from error


def verify(
    reference: Reference, on_progress: Callable[[Progress], None] = lambda _progress: None
) -> tuple[Defect, ...]:
    """Return the damaged files of ``reference``, in the cache of whatever program fetched them.

    ``on_progress`` is called after every few megabytes; nothing is asked of the network. Where the
    cache holds files without links (Windows), their checksums are not known, and they are not
    checked. Raises HubError when the reference is not in the cache.
    """
    commit = cache.commit_of(reference)
    repository = reference.repository
    folder = None if commit is None else cache.snapshot_path(repository, commit)
    if folder is None or not folder.is_dir():
        raise HubError(
            f"{reference} is not in the Hub's cache: `medusa-chat models pull {reference}` "
            "fetches it.",
            "missing",
            repository,
        )
    found: list[Defect] = []
    progress = _Sums(repository, _links(folder))
    for pointer in progress.pointers:
        blob = pointer.parent / pointer.readlink()
        if not blob.is_file():
            reason = "is missing"
        elif _checksum(pointer, blob, lambda done: on_progress(progress.at(pointer, done))):  # noqa: B023
            continue
        else:
            reason = "has a wrong checksum"
        name = pointer.relative_to(folder).as_posix()
        found.append(Defect(repository, name, pointer, blob, reason))
    return tuple(found)


class _Sums:
    """How far a verification is."""

    def __init__(self, repository: str, pointers: list[Path]) -> None:
        self.repository = repository
        self.pointers = pointers
        self._sizes = {file: file.stat().st_size if file.is_file() else 0 for file in pointers}
        self._done = dict.fromkeys(pointers, 0)

    def at(self, pointer: Path, done_bytes: int) -> Progress:
        self._done[pointer] = done_bytes
        return Progress(
            self.repository,
            "checking",
            tuple(
                FileProgress(self.repository, file.name, size, self._done[file])
                for file, size in self._sizes.items()
            ),
        )


def _links(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_symlink() and is_checksum(file.readlink().name)
    ]


def _checksum(pointer: Path, blob: Path, on_bytes: Callable[[int], None]) -> bool:
    """Return whether a file's checksum is its name."""
    size = blob.stat().st_size
    checksum = new_checksum(RemoteFile(pointer.name, size, blob.name))
    done = 0
    with blob.open("rb") as opened:
        while chunk := opened.read(_READ_BYTES):
            checksum.update(chunk)
            done += len(chunk)
            on_bytes(done)
    return bool(checksum.hexdigest() == blob.name)
