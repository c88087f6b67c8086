"""How fast this machine moves memory: the ceiling of a step, which reads all weights once."""

from __future__ import annotations

import statistics
import time

import torch

_CPU_BYTES = 256 * 2**20
"""Far more than a processor's caches hold."""
_CUDA_BYTES = 2 * 2**30
_LEAST_CUDA_BYTES = 128 * 2**20
"""From and to, this is still more than a GPU's cache holds."""
_CUDA_COPIES = 8
"""In a row, so that launching them and waiting for them takes none of the time."""
_REPEATS = 5


def copy_bandwidth(device: torch.device, size_bytes: int | None = None) -> float:
    """Return the bytes a second of a large copy on ``device``, those read and those written."""
    size = size_bytes or copied_bytes(device)
    copies = _CUDA_COPIES if device.type == "cuda" else 1
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    seconds = []
    for repeat in range(_REPEATS + 1):
        wait_for(device)
        started = time.perf_counter()
        for _ in range(copies):
            target.copy_(source)
        wait_for(device)
        if repeat:  # the first one touches the pages
            seconds.append((time.perf_counter() - started) / copies)
    speed = 2 * source.nbytes / statistics.median(seconds)
    if device.type == "cuda":
        del source, target
        torch.cuda.empty_cache()  # graphs and libraries take theirs from the driver, not from torch
    return speed


def copied_bytes(device: torch.device) -> int:
    """Return how much to copy on ``device``: beside a model a GPU may have little memory left."""
    if device.type != "cuda":
        return _CPU_BYTES
    torch.cuda.empty_cache()  # what torch keeps for later is not free
    free, _ = torch.cuda.mem_get_info(device)
    # Once as source and once as target, and as much again for others.
    return max(_LEAST_CUDA_BYTES, min(_CUDA_BYTES, free // 4))


def wait_for(device: torch.device) -> None:
    """Wait until ``device`` has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
