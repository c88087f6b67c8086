"""Where things lie, and whether they can be written."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import medusa_chat
from medusa_chat import paths
from medusa_chat.conversation.migrations import MIGRATIONS
from medusa_chat.conversation.store import FILE_NAME
from medusa_chat.doctor.finding import Finding, Status
from medusa_chat.doctor.machine import disk, existing
from medusa_chat.errors import MedusaChatError
from medusa_chat.models.registry import FILE, registry
from medusa_chat.quantities import size

_LOCK_SECONDS = 2.0


def look() -> Iterator[Finding]:
    """Yield each folder of this program, whether it can be written, and what is in it."""
    yield Finding("package", "ok", str(Path(medusa_chat.__file__).parent))
    yield _writable(
        "data folder", paths.data_dir, "broken", "Set MEDUSA_CHAT_HOME to a folder of yours."
    )
    yield _writable(
        "log folder",
        lambda: paths.log_file().parent,
        "warning",
        "Set MEDUSA_CHAT_HOME to a folder of yours.",
    )
    try:
        data = paths.data_dir()
    except OSError:
        pass  # said above
    else:
        yield disk("disk, chats", data, for_models=False)
        yield conversations(data / FILE_NAME)
    yield known_models()


def hub_cache() -> Iterator[Finding]:
    """Yield where models from the Hub are kept, by the Hub's own library, and the room there."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE).expanduser().absolute()
    yield _writable(
        "models folder",
        lambda: folder,
        "warning",
        "Set HF_HOME to a folder of yours with some room.",
    )
    yield disk("disk, models", folder, for_models=True)


def known_models() -> Finding:
    """Return whether the lists of models can be read, the shipped one and the user's own."""
    name, own = "known models", paths.config_dir() / FILE
    try:
        known = registry()
    except (MedusaChatError, OSError) as error:
        return Finding(name, "broken", str(error), "Install medusa-chat again.")
    for notice in known.notices:
        return Finding(name, "warning", notice, f"Mend {own}, or move it aside.")
    also = f"also from {own}" if own.exists() else f"{own} would add to them"
    return Finding(name, "ok", f"{len(known.models)}, {also}")


def conversations(file: Path) -> Finding:
    """Return whether the file of the conversations is sound; nothing in it is changed."""
    name = "conversations"
    aside = f"Move {file}* aside, and keep them: a new file is made at the next start."
    if not file.exists():
        return Finding(name, "ok", "none yet")
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_SECONDS)
        ) as database:
            said = [str(row[0]) for row in database.execute("PRAGMA quick_check(3)")]
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            if said != ["ok"]:
                return Finding(name, "broken", f"damaged: {'; '.join(said)}", aside)
            if version > len(MIGRATIONS):
                return Finding(
                    name,
                    "broken",
                    f"written by a newer medusa-chat (form {version}, this one knows "
                    f"{len(MIGRATIONS)})",
                    "Update medusa-chat.",
                )
            table = "chat" if version > 1 else "conversation"
            count = (
                database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                if version
                else 0
            )
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return Finding(
                name, "warning", "held by another program", "Close what else has it open."
            )
        return Finding(name, "broken", f"cannot be opened: {error}", f"Check who may read {file}.")
    except sqlite3.DatabaseError as error:
        return Finding(name, "broken", f"damaged: {error}", aside)
    return Finding(name, "ok", f"{count}, {size(file.stat().st_size)}, file sound")


def _writable(name: str, folder: Callable[[], Path], otherwise: Status, remedy: str) -> Finding:
    try:
        path = folder()
    except OSError as error:
        return Finding(name, otherwise, f"cannot be made: {error}", remedy)
    if not path.exists():
        above = existing(path)
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return Finding(name, "ok", f"{path}, not made yet")
        return Finding(name, otherwise, f"{path} cannot be made in {above}", remedy)
    try:
        with tempfile.TemporaryFile(dir=path):
            return Finding(name, "ok", str(path))
    except OSError as error:
        return Finding(name, otherwise, f"{path} cannot be written: {error.strerror}", remedy)
