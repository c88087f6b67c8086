"""Which devices and which precision a model is loaded with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.errors import ModelError
from medusa_chat.settings import DType

_SMALL_PARAMETERS = 50_000_000
_WORKING_BYTES = 2_000_000_000
"""Kept free on each of several devices, for the cache and for what a step works with."""
USUAL_THREADS = torch.get_num_threads()


def resolve_device(name: str) -> torch.device:
    """Return the device called ``name``; auto is the first CUDA device, else the CPU.

    Raises ModelError when the CUDA device asked for is not there.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    if name.startswith("cuda"):
        index = int(name.partition(":")[2] or 0)
        if index >= count:
            have = f"{count} CUDA device{'' if count == 1 else 's'}" if count else "no CUDA device"
            raise ModelError(
                f"--device {name} is not here: torch {torch.__version__} sees {have}. "
                "Use --device cpu, or install a driver and a CUDA build of torch."
            )
        return torch.device("cuda", index)
    return torch.device(name)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model's weights go."""

    device: torch.device
    """The one that tokens are put on, and the only one but for a model that needs several."""
    max_memory: dict[int, int] | None = None
    """Bytes that each CUDA device may be given, where there are several to share a model."""

    @property
    def arguments(self) -> dict[str, Any]:
        """What transformers takes: one device, or those of ``max_memory`` one after the other.

        In that order, since a model that the first one holds runs fastest there, alone.
        """
        if self.max_memory is None:
            return {"device_map": {"": self.device}}
        return {"device_map": "sequential", "max_memory": self.max_memory}

    def devices_of(self, model: Any) -> tuple[str, ...]:
        """Return the names of the devices that ``model`` came to lie on, in order."""
        if self.max_memory is None:
            return (str(self.device),)
        placed = dict.fromkeys(model.hf_device_map.values())
        return tuple(f"cuda:{name}" if isinstance(name, int) else str(name) for name in placed)


def place(name: str, reserved_bytes: int = 0) -> Placement:
    """Return where a model goes for ``--device`` ``name``; auto takes all CUDA devices there are.

    ``reserved_bytes`` are kept free on each for the heads, besides what a cache and activations
    take. Raises ModelError when the CUDA device asked for is not there.
    """
    device = resolve_device(name)
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    if name != "auto" or count < 2:
        return Placement(device)
    kept = reserved_bytes + _WORKING_BYTES
    free = {index: torch.cuda.mem_get_info(index)[0] - kept for index in range(count)}
    return Placement(device, {index: max(0, room) for index, room in free.items()})


def resolve_dtype(name: DType, device: torch.device) -> torch.dtype:
    """Return the dtype; auto is float32 on a CPU, on CUDA bfloat16 or, on older ones, float16."""
    if name != "auto":
        dtype: torch.dtype = getattr(torch, name)
        return dtype
    if device.type == "cpu":
        return torch.float32
    return (
        torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    )


def is_small(parameters: int) -> bool:
    """Return whether a model is so small that speed is worth more than its memory."""
    return parameters < _SMALL_PARAMETERS


def step_threads(parameters: int) -> StepThreads:
    """Return what chooses the threads of a model's steps on a CPU; the first number is in force.

    A small model begins with one, since a second that has to be waited for would cost it most.
    """
    threads = StepThreads(USUAL_THREADS, 1 if is_small(parameters) else USUAL_THREADS)
    threads.apply()
    return threads
