"""The clock by which steps of different sizes are compared."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch


def step_clock(device: torch.device) -> Callable[[], float]:
    """Return the clock, in seconds, for steps on ``device``.

    On a CPU it stands still while the system lets other programs run: their slices of 4 ms hit most
    steps of 3 ms and few of 1 ms, and so a tree would seem dear on a busy machine that is not.
    """
    if device.type == "cpu" and sys.platform != "win32":  # which counts in slices, too
        return time.thread_time
    return time.perf_counter
