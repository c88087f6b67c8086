"""The log file: where everything goes that is not for the screen. The engine writes to it too."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from medusa_chat import paths

_MOST_BYTES = 5_000_000


def start_log() -> Path | None:
    """Send all logging to the log file, and return its path; None when it cannot be written.

    A log that grew long is moved aside first. Never later: the engine holds the file open.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    # It logs every request, with addresses that let whoever reads them download for a while.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
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


def record(error: Exception) -> str:
    """Write an unexpected error's traceback to the log; return what to tell the user."""
    path = start_log()
    logging.getLogger("medusa_chat").error("unexpected error", exc_info=error)
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    where = f"The log has the details: {path}" if path else "The log could not be written."
    return f"an unexpected {type(error).__name__}: {reason}\n{where}"
