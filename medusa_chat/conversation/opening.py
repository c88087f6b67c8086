"""Opens the chats in every case: in the file, else in memory, with the reason."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable


def open_store(folder: Callable[[], Path], *, ephemeral: bool = False) -> Store:
    """Return the chats of the file in ``folder``, which is asked for if it is needed.

    A damaged file is set aside, and a new one made: ``notice`` of the store says so. Where no file
    can be used the chats are kept in memory, and ``failure`` says why; those of a file that can
    only be read are there as well. ``ephemeral`` chats are kept in memory, and no file is touched.
    """
    if ephemeral:
        return Store()
    try:
        path = folder() / FILE_NAME
    except OSError as error:
        words = f"The folder of the chats cannot be made: {error}."
        return Store(unsaved_because=StorageError(words, "unwritable"))
    try:
        return Store(path)
    except StorageError as error:
        return _after_damage(path, error) if error.kind == "damaged" else _in_memory(path, error)


def _after_damage(path: Path, error: StorageError) -> Store:
    try:
        aside = _set_aside(path)
        return Store(
            path,
            notice=f"The file of the chats is damaged. It was set aside as {aside}, and a new one "
            "begun.",
        )
    except OSError as failure:
        words = f"{path} is damaged, and cannot be set aside ({failure}): move it elsewhere."
        return Store(unsaved_because=StorageError(words, "damaged"))
    except StorageError:
        return Store(unsaved_because=error)


def _in_memory(path: Path, error: StorageError) -> Store:
    if error.kind != "newer":
        try:
            return Store(copy_of=path, unsaved_because=error)
        except StorageError:
            pass  # There may be no file at all.
    return Store(unsaved_because=error)


def _set_aside(path: Path) -> Path:
    """Rename a file and what SQLite keeps beside it. Raises OSError."""
    stamp = f"{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 2
    while aside.exists():
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        number += 1
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        beside = Path(f"{path}{ending}")
        if beside.exists():
            beside.rename(f"{aside}{ending}")
    return aside
