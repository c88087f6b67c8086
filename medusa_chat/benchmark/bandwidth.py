"""How fast this machine moves memory: the ceiling of a step, which reads all weights once."""

from __future__ import annotations

import statistics
import time

import torch

_CPU_BYTES = 256 * 2**20
"""Far more than a processor's caches hold."""
_CUDA_BYTES = 2 * 2**30
_REPEATS = 5


def copy_bandwidth(device: torch.device, size_bytes: int | None = None) -> float:
    """Return the bytes a second of a large copy on ``device``, those read and those written."""
    size = size_bytes or (_CUDA_BYTES if device.type == "cuda" else _CPU_BYTES)
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    seconds = []
    for repeat in range(_REPEATS + 1):
        wait_for(device)
        started = time.perf_counter()
        target.copy_(source)
        wait_for(device)
        if repeat:  # the first one touches the pages
            seconds.append(time.perf_counter() - started)
    return 2 * source.nbytes / statistics.median(seconds)


def wait_for(device: torch.device) -> None:
    """Wait until ``device`` has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
