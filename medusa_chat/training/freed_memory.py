"""What becomes of memory that a training frees: where it is scarce, the system has it back."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""``mallopt``'s names for them in glibc."""
_BLOCK_BYTES = 2**20
_KEPT_BYTES = 2**24


def return_at_once() -> bool:
    """Have blocks of a mebibyte and more mapped for themselves; return whether they will be.

    Only some systems' C library can. By itself glibc puts ever larger ones into its heap, which
    then has gaps: a training of heads took 749 MB where it takes 535 so, and one of the base too
    825 MB of activations where 530 were alive. But steps take half as long again, since each
    block's pages are made anew.
    """
    if sys.platform != "linux":
        return False
    # Other C libraries than glibc have no such call.
    with contextlib.suppress(AttributeError):
        library = ctypes.CDLL(None)
        mapped = library.mallopt(_MMAP_THRESHOLD, _BLOCK_BYTES)
        trimmed = library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        return bool(mapped and trimmed)
    return False
