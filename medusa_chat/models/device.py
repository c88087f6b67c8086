"""Which device and which precision a model is loaded with."""

from __future__ import annotations

import torch

from medusa_chat.errors import ModelError
from medusa_chat.settings import DType

_ONE_THREAD_PARAMETERS = 50_000_000
_USUAL_THREADS = torch.get_num_threads()


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


def use_threads_for(parameters: int) -> int:
    """Set, and return, how many threads torch uses: one for a small model, else the usual number.

    Below some 50M parameters a step is over before a second thread has begun to help, and waiting
    for that thread costs more than it does.
    """
    threads = 1 if parameters < _ONE_THREAD_PARAMETERS else _USUAL_THREADS
    torch.set_num_threads(threads)
    return threads
