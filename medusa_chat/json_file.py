"""Small JSON files that the program keeps for itself. Standard library only."""

from __future__ import annotations

import json
import os
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
