"""The Hub's cache on this machine, as every program that uses huggingface_hub shares it.

``models--owner--name/blobs`` holds the files by checksum, ``snapshots/COMMIT`` points at them by
name, ``refs`` says which commit a branch was at. Nothing here asks the network.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medusa_chat.models.hub.contents import (
    CONFIG,
    has_tokenizer,
    heads_file,
    wanted,
    weights,
)
from medusa_chat.models.hub.plan import RemoteFile
from medusa_chat.models.hub.reference import Reference

State = Literal["here", "partial", "absent"]

PARTIAL_SUFFIX = ".incomplete"
_FOLDER_PREFIX = "models--"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MEDUSA = "medusa"
"""The kind of model that vLLM makes of heads alone."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a repository takes of the disk. In bytes."""

    complete_bytes: int
    partial_bytes: int
    """Of downloads that are not finished."""


def root() -> Path:
    """Return the cache's folder: HF_HUB_CACHE, else the one in HF_HOME."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def free_bytes() -> int:
    """Return the free bytes of the disk on which the cache is, or would be."""
    folder = root().absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def repository_folder(repository: str) -> Path:
    """Return where the cache keeps, or would keep, a repository."""
    return root() / (_FOLDER_PREFIX + repository.replace("/", "--"))


def blob_path(repository: str, etag: str) -> Path:
    """Return where a file lies by its checksum."""
    return repository_folder(repository) / "blobs" / etag


def partial_path(repository: str, etag: str) -> Path:
    """Return where a file grows until it is whole."""
    return blob_path(repository, etag + PARTIAL_SUFFIX)


def lock_path(repository: str, etag: str) -> Path:
    """Return the lock that all programs take while they fetch a file."""
    return root() / ".locks" / repository_folder(repository).name / f"{etag}.lock"


def snapshot_path(repository: str, commit: str) -> Path:
    """Return the folder of a repository's files at a commit, by name."""
    return repository_folder(repository) / "snapshots" / commit


def reference_at(path: Path) -> Reference | None:
    """Return what of the Hub a file or a folder of a snapshot is; None for what lies elsewhere."""
    try:
        # Not followed: a snapshot's files are links out of it.
        repository, kind, commit, *_ = path.absolute().relative_to(root().absolute()).parts
    except ValueError:
        return None
    if kind != "snapshots" or not repository.startswith(_FOLDER_PREFIX):
        return None
    name = repository.removeprefix(_FOLDER_PREFIX).replace("--", "/", 1)
    main = Reference(name)
    return main if commit_of(main) == commit else Reference(name, commit)


def commit_of(reference: Reference) -> str | None:
    """Return the commit that ``reference`` was at when it was fetched; None if it never was."""
    if _COMMIT.fullmatch(reference.revision):
        return reference.revision
    ref = repository_folder(reference.repository) / "refs" / reference.revision
    try:
        commit = ref.read_text("utf-8").strip()
    except OSError:
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def cached_folder(reference: Reference) -> Path | None:
    """Return the folder of ``reference`` in the cache if all that a model needs is there.

    A download of our own appears there as a whole or not at all. Of another program's, which may
    have been interrupted or have fetched less, the files themselves tell.
    """
    commit = commit_of(reference)
    if commit is None:
        return None
    folder = snapshot_path(reference.repository, commit)
    names = names_in(folder)
    listed = _listed(reference.repository, commit)
    if listed is not None and not wanted(listed) <= names:
        return None
    return folder if _is_complete(folder, names) else None


def state_of(reference: Reference) -> State:
    """Return whether all of ``reference`` is in the cache, a part of it, or nothing."""
    if cached_folder(reference) is not None:
        return "here"
    folder = repository_folder(reference.repository)
    commit = commit_of(reference)
    in_snapshot = commit is not None and names_in(snapshot_path(reference.repository, commit))
    return "partial" if in_snapshot or any(_unlinked(folder)) else "absent"


def usage_of(repository: str) -> Usage:
    """Return the bytes that a repository takes in the cache, all revisions together."""
    folder = repository_folder(repository)
    unlinked = set(_unlinked(folder))
    files = [file for part in ("blobs", "snapshots") for file in _files(folder / part)]
    partial = sum(_size(file) for file in unlinked)
    return Usage(sum(_size(file) for file in files if file not in unlinked), partial)


def cached_repositories() -> tuple[str, ...]:
    """Return the names of all models of which the cache holds anything."""
    folder = root()
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir() if entry.name.startswith(_FOLDER_PREFIX))
    return tuple(sorted(name.removeprefix(_FOLDER_PREFIX).replace("--", "/", 1) for name in names))


def is_file_here(repository: str, commit: str, file: RemoteFile) -> bool:
    """Return whether the whole of a file is in the cache; one of another length is damaged."""
    places = (blob_path(repository, file.etag), snapshot_path(repository, commit) / file.name)
    return any(path.is_file() and _size(path) == file.size for path in places)


def bytes_here(repository: str, commit: str, file: RemoteFile) -> int:
    """Return how much of a file is in the cache, whole or growing."""
    if is_file_here(repository, commit, file):
        return file.size
    return min(_size(partial_path(repository, file.etag)), file.size)


def unlinked_files(repository: str) -> tuple[Path, ...]:
    """Return what no snapshot points at: files that grow, and whole ones of a larger download."""
    return tuple(_unlinked(repository_folder(repository)))


def etag_of(file: Path) -> str:
    """Return the checksum that a file in ``blobs`` is, or will be, named by."""
    return file.name.partition(".")[0]


def names_in(folder: Path) -> frozenset[str]:
    """Return the files in a snapshot's folder; a pointer to nothing is none."""
    try:
        return frozenset(file.name for file in folder.iterdir() if file.is_file())
    except OSError:
        return frozenset()


def _is_complete(folder: Path, names: frozenset[str]) -> bool:
    if heads_file(names) is not None:
        return True
    if CONFIG not in names or not _weights_are_complete(folder, names):
        return False
    return has_tokenizer(names) or _read(folder / CONFIG).get("model_type") == _MEDUSA


def _weights_are_complete(folder: Path, names: frozenset[str]) -> bool:
    found = weights(names)
    index = next((name for name in found if name.endswith(".json")), None)
    if index is None:
        return bool(found)
    shards = _read(folder / index).get("weight_map")
    return isinstance(shards, dict) and {str(shard) for shard in shards.values()} <= names


def _listed(repository: str, commit: str) -> frozenset[str] | None:
    """Return the names of all files at a commit, where huggingface_hub has left them."""
    listing = _read(repository_folder(repository) / "trees" / f"{commit}.json").get("files")
    return frozenset(listing) if isinstance(listing, dict) else None


def _unlinked(folder: Path) -> Iterator[Path]:
    blobs = set(_files(folder / "blobs"))
    if not blobs:
        return
    linked = set()
    for pointer in (folder / "snapshots").rglob("*"):
        if pointer.is_symlink():
            # One step only: a file that several repositories share is itself a link.
            linked.add(pointer.readlink().name)
    yield from (blob for blob in sorted(blobs) if blob.name not in linked)


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and not (file.is_symlink() and folder.name == "snapshots"):
            yield file


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _read(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
