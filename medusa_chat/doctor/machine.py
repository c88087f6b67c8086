"""Memory, swap and room on the disks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from medusa_chat.doctor.finding import Finding
from medusa_chat.quantities import size

_LEAST_MEMORY_BYTES = 1_500_000_000
"""torch, transformers and the built-in model in the engine take some 600 MB, the interface 100."""
_LEAST_DISK_BYTES = 200_000_000
_LITTLE_DISK_BYTES = 20_000_000_000
"""A 7B model in 16 bits takes some 15 GB."""
_CGROUP = Path("/sys/fs/cgroup")


def memory(cgroup: Path = _CGROUP) -> Iterator[Finding]:
    """Yield how much memory and swap there is, and a container's limit."""
    import psutil

    now = psutil.virtual_memory()
    total, available = int(now.total), int(now.available)
    limit = _limit(cgroup)
    value = f"{size(available)} of {size(total)} available"
    if limit is not None and limit[0] < total:
        most, used = limit
        available = min(available, most - used)
        value = f"{size(available)} available, of the {size(most)} that this container may take"
    if available < _LEAST_MEMORY_BYTES:
        yield Finding("memory", "warning", value, "End other programs before loading a model.")
    else:
        yield Finding("memory", "ok", value)
    swap = psutil.swap_memory()
    yield (
        Finding("swap", "ok", f"{size(swap.free)} of {size(swap.total)} free")
        if swap.total
        else Finding("swap", "note", "none: when memory runs out, the engine is ended")
    )


def disk(name: str, folder: Path, *, for_models: bool) -> Finding:
    """Return how much room there is where ``folder`` is, or will be made."""
    usage = shutil.disk_usage(existing(folder))
    free, total = usage.free, usage.total
    value = f"{size(free)} of {size(total)} free for {folder}"
    if free < _LEAST_DISK_BYTES:
        return Finding(name, "warning", value, "Make room there.")
    if for_models and free < _LITTLE_DISK_BYTES:
        return Finding(
            name, "note", value, "Too little for most models: HF_HOME moves them elsewhere."
        )
    return Finding(name, "ok", value)


def existing(folder: Path) -> Path:
    """Return ``folder``, or the nearest one above it that there is."""
    return next((at for at in (folder, *folder.parents) if at.exists()), Path(folder.anchor))


def _limit(cgroup: Path) -> tuple[int, int] | None:
    """Return the most bytes that this container may take and those taken; None without a limit."""
    for folder, most, used in (
        (cgroup, "memory.max", "memory.current"),
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            limit, taken = (int((folder / name).read_text("ascii")) for name in (most, used))
            # Files that were read count as taken, but are given up when memory is wanted.
            match = re.search(
                r"^(?:total_)?inactive_file (\d+)$",
                (folder / "memory.stat").read_text("ascii"),
                re.MULTILINE,
            )
        except (OSError, ValueError):  # not there, or "max"
            continue
        return limit, taken - int(match[1]) if match else taken
    return None
