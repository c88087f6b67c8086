"""Room on the disk that holds the Hub's cache."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from medusa_chat.errors import HubError
from medusa_chat.quantities import size

NO_SPACE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
SPARE_BYTES = 200_000_000
"""To be left free: a full disk harms more than a download."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk on which ``folder`` is, or would be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_space(missing_bytes: int, folder: Path, model: str) -> None:
    """Raise HubError unless ``missing_bytes`` more fit beside ``folder``, with some to spare."""
    if missing_bytes and missing_bytes + SPARE_BYTES > free_bytes(folder):
        raise no_space(missing_bytes, folder, model)


def no_space(missing_bytes: int, folder: Path, model: str) -> HubError:
    """Return what is to be said where ``missing_bytes`` do not fit."""
    return HubError(
        f"{model} needs {size(missing_bytes)} more and {size(SPARE_BYTES)} to spare, and {folder} "
        f"has {size(free_bytes(folder))} free: make room, or set HF_HOME to a folder on another "
        "disk. What came is kept.",
        "no_space",
        model,
    )
