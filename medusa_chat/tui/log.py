"""The log: where everything goes that is not for the screen. The engine writes to its end, too."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from medusa_chat import paths

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 5_000_000


def start_log() -> Path | None:
    """Send all logging to the log file, and return its path; None when it cannot be written.

    A log that grew long is moved aside first. Never later: the engine holds the file open.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    try:
        path = paths.log_file()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > _MOST_BYTES:
                path.replace(path.with_suffix(".old.log"))
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        # Without any handler, logging would print warnings over the screen.
        root.addHandler(logging.NullHandler())
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    return path
