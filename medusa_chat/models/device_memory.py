"""How much memory this machine's devices have, and have free. Asked without torch.

CUDA devices are asked for through the driver's ``nvidia-smi``, main memory through psutil, cut to
what the container may use where there is one. May take a second: not for the event loop.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from medusa_chat.models.memory import DeviceKind

_QUERY_SECONDS = 10
_MIB = 1024 * 1024
_CGROUPS = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Of a container's main memory, and what it uses: version 2 and version 1."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """One device, or several that share a model."""

    kind: DeviceKind
    name: str
    total_bytes: int
    free_bytes: int


def device_memory(device: str = "auto") -> DeviceMemory | None:
    """Return the memory of ``--device`` ``device``; None where it is not there, or does not tell.

    ``auto`` is all CUDA devices together, as a model that needs several is spread over them, or
    else the CPU.
    """
    if device == "cpu":
        return main_memory()
    devices = cuda_devices()
    kind, _, index = device.partition(":")
    if kind == "cuda":
        number = int(index or 0)
        return devices[number] if number < len(devices) else None
    if not devices:
        return main_memory()
    if len(devices) == 1:
        return devices[0]
    names = dict.fromkeys(one.name for one in devices)
    return DeviceMemory(
        "cuda",
        f"{len(devices)} × {' and '.join(names)}",
        sum(one.total_bytes for one in devices),
        sum(one.free_bytes for one in devices),
    )


def cuda_devices() -> tuple[DeviceMemory, ...]:
    """Return the CUDA devices that this process may use, in their order."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = "--query-gpu=index,uuid,name,memory.total,memory.free"
    try:
        answer = subprocess.run(  # noqa: S603  # found on the PATH, constant arguments
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            timeout=_QUERY_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    found: dict[str, DeviceMemory] = {}
    uuids: dict[str, str] = {}
    for line in answer.stdout.decode(errors="replace").splitlines():
        try:
            index, uuid, name, total, free = (field.strip() for field in line.split(","))
            memory = DeviceMemory("cuda", name, int(total) * _MIB, int(free) * _MIB)
        except ValueError:  # a line of another form, or a figure that is "[N/A]"
            continue
        found[index], uuids[uuid] = memory, index
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(found.values())
    chosen = []
    for name in (part.strip() for part in visible.split(",")):
        index = next((own for uuid, own in uuids.items() if name and uuid.startswith(name)), name)
        if index not in found:  # as CUDA has it, what follows a wrong one is not there either
            break
        chosen.append(found[index])
    return tuple(chosen)


def main_memory() -> DeviceMemory | None:
    """Return the main memory, and what of it programs could be given now."""
    try:
        import psutil

        memory = psutil.virtual_memory()
    except (ImportError, OSError, RuntimeError):
        return None
    total, free = int(memory.total), int(memory.available)
    for limit_name, used_name in _LIMITS:
        limit, used = _number(_CGROUPS / limit_name), _number(_CGROUPS / used_name)
        if limit is not None and limit < total:
            total = limit
            free = min(free, limit if used is None else max(0, limit - used))
    return DeviceMemory("cpu", "CPU", total, free)


def _number(file: Path) -> int | None:
    """Return what a file of the kernel says; None for no file and for "max"."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
