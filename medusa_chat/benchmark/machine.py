"""What a figure was measured on, and with: without it, it means nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from medusa_chat import __version__
from medusa_chat.processor import processor_name

_PACKAGES = ("torch", "transformers", "bitsandbytes", "accelerate")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the software of a measurement."""

    processor: str
    cores: int
    threads: int
    """That torch uses for one step on a CPU."""
    device: str
    load: float | None
    """Of the system over the last minute, when the measurement began."""
    system: str
    versions: dict[str, str]


def describe(device: torch.device) -> Machine:
    """Return what this process runs on; ``device`` is where the model lies."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    versions = {"medusa-chat": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Machine(
        processor=processor_name(),
        cores=_cores(),
        threads=torch.get_num_threads(),
        device=name,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        system=platform.platform(terse=True),
        versions=versions,
    )


def command_line(arguments: Sequence[str] | None = None) -> str:
    """Return the command that was given, as a shell would take it again."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return shlex.join(["medusa-chat", *given])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
