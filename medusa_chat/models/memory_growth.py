"""What a model takes in memory, measured: how much more there is in use than before it came."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys

import torch


class MemoryGrowth:
    """Measures from when it is made. Libraries that are imported later count as well."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = bytes_in_use(device)

    @property
    def bytes(self) -> int | None:
        """Bytes more than at the beginning; None where the system does not tell."""
        now = bytes_in_use(self._device)
        return None if now is None or self._before is None else max(0, now - self._before)


def release_memory() -> None:
    """Give back what nobody holds any more, as far as that can be done in a running process."""
    gc.collect()  # a model holds itself in circles
    if sys.platform == "linux":
        # What loading worked with is free, but glibc keeps it; other libraries have no such call.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def bytes_in_use(device: torch.device) -> int | None:
    """Return the bytes allotted on all CUDA devices, or those of this process that are resident."""
    if device.type == "cuda":
        devices = range(torch.cuda.device_count())
        return sum(torch.cuda.memory_allocated(index) for index in devices)
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.Process().memory_info().rss)
