"""What the processor of this machine is called. Standard library only."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def processor_name() -> str:
    """Return its name; where the system tells none, that of its architecture."""
    try:
        for line in _CPUINFO.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # another system than Linux
        pass
    return platform.processor() or platform.machine()
