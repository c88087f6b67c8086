"""Small JSON files that the program keeps for itself. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def read(file: Path) -> object:
    """Return what ``file`` holds; None for one that is not there or is unreadable."""
    try:
        loaded: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return loaded


def write(file: Path, content: object) -> None:
    """Put ``content`` in place of what ``file`` held, whole or not at all. Raises OSError."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(content, indent=1), "utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def change(file: Path, changed: Callable[[object], object]) -> None:
    """Put what ``changed`` makes of the content in its place, while no other program does so.

    It is given what ``read`` returns. Raises OSError.
    """
    with _locked(file):
        write(file, changed(read(file)))


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    # Beside it: ``write`` puts another file in its place, and a lock would stay with the old one.
    with file.with_name(f"{file.name}.lock").open("ab") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        except (ImportError, OSError):  # Windows, a file system without locks
            pass
        yield
