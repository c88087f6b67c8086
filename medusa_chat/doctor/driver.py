"""The NVIDIA driver, asked through nvidia-smi; torch may not be able to say what it lacks."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_QUERY = ("--query-gpu=name,driver_version", "--format=csv,noheader")
_TIMEOUT_SECONDS = 20.0
"""Without a persistence daemon it wakes each device first."""

_PCI = Path("/sys/bus/pci/devices")
_NVIDIA = "0x10de"
_DISPLAY = "0x03"
"""First byte of the class of everything that draws or computes."""
_LOADED = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Driver:
    """What there is of NVIDIA's on this machine."""

    version: str = ""
    """Empty when no driver is loaded, or it does not tell."""
    gpus: tuple[str, ...] = ()
    problem: str = ""
    """What nvidia-smi said instead."""
    on_bus: bool = False
    """Whether the bus has such a device, driver or not; known on Linux alone."""


def read_driver(pci: Path = _PCI, loaded: Path = _LOADED) -> Driver:
    """Return what is known of the driver and its devices."""
    on_bus = _is_on_bus(pci)
    version = ""
    if loaded.is_file():
        # A container may have the driver, but not its tools.
        found = re.search(r"\b\d{3,}\.\d+[.\d]*", loaded.read_text("utf-8", "replace"))
        version = found[0] if found else ""
    command = shutil.which("nvidia-smi")
    if command is None:
        return Driver(version, on_bus=on_bus)
    try:
        ended = subprocess.run(  # noqa: S603  # the one on the PATH is the one to ask
            [command, *_QUERY],
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"nvidia-smi gave no answer within {_TIMEOUT_SECONDS:.0f} s"
        return Driver(version, problem=problem, on_bus=on_bus)
    except OSError as error:
        return Driver(version, problem=f"nvidia-smi did not start ({error})", on_bus=on_bus)
    lines = ended.stdout.decode("utf-8", "replace").strip().splitlines()
    if ended.returncode != 0:
        said = [*lines, *ended.stderr.decode("utf-8", "replace").strip().splitlines()]
        problem = said[0][:200] if said else f"nvidia-smi ended with status {ended.returncode}"
        return Driver(version, problem=problem, on_bus=on_bus)
    rows = [line.rpartition(",") for line in lines]
    gpus = tuple(name.strip() for name, _, _ in rows)
    return Driver(rows[0][2].strip() if rows else version, gpus, on_bus=on_bus or bool(gpus))


def _is_on_bus(pci: Path) -> bool:
    for device in sorted(pci.glob("*")):
        try:
            vendor = (device / "vendor").read_text("ascii").strip()
            kind = (device / "class").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False
