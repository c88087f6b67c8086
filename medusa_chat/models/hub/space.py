"""Room on the disk that holds the Hub's cache."""

from __future__ import annotations

import errno

from medusa_chat.errors import HubError
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.explain import unwritable
from medusa_chat.quantities import size

_NO_SPACE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
SPARE_BYTES = 200_000_000
"""To be left free: a full disk harms more than a download."""


def check_space(missing_bytes: int, model: str) -> None:
    """Raise HubError unless ``missing_bytes`` more fit into the cache, with some to spare."""
    if missing_bytes and missing_bytes + SPARE_BYTES > cache.free_bytes():
        raise no_space(missing_bytes, model)


def no_space(missing_bytes: int, model: str) -> HubError:
    """Return what is to be said where ``missing_bytes`` do not fit."""
    folder, free = cache.root(), cache.free_bytes()
    return HubError(
        f"{model} needs {size(missing_bytes)} more and {size(SPARE_BYTES)} to spare, and {folder} "
        f"has {size(free)} free: make room, or set HF_HOME to a folder on another disk. "
        "What came is kept.",
        "no_space",
        model,
    )


def unwritten(error: OSError, file_bytes: int, missing_bytes: int, repository: str) -> HubError:
    """Return what is to be said of a file of ``file_bytes`` that could not be written whole."""
    if error.errno in _NO_SPACE:
        return no_space(missing_bytes, repository)
    if error.errno == errno.EFBIG:
        return HubError(
            f"{cache.root()} takes no file as large as {size(file_bytes)}, which {repository} has: "
            "set HF_HOME to a folder on a disk that does (FAT32 ends at 4 GB), or raise `ulimit "
            "-f`. What came is kept.",
            "unwritable",
            repository,
        )
    return unwritable(error, cache.root(), repository)
