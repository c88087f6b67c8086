"""The most memory that was in use over a while: the device's, or this process's on a CPU."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures from when it is made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._can_tell = device.type == "cuda"
        if self._can_tell:
            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            _RESET.write_text("5", "ascii")  # what is resident now is the highest so far
            self._can_tell = True
        except OSError:  # another system than Linux, or not allowed
            pass

    @property
    def bytes(self) -> int | None:
        """The highest number of bytes so far; None where the system does not tell."""
        if not self._can_tell:
            return None
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        for line in _STATUS.read_text("ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
