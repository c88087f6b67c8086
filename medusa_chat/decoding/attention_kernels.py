"""Which of torch's attention kernels run on a GPU: those that are ready for any number of keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def ready_kernels(device: torch.device) -> Iterator[None]:
    """Keep torch on ``device`` off cuDNN's attention for a while.

    On Hopper torch takes that one first (``check_prefer_cudnn_attention`` in ``sdp_utils.cpp``),
    and it builds a plan for each shape anew: for every length of a prompt, and where steps are not
    CUDA graphs for every step, since each has more keys than the one before.
    """
    kernels: Any = torch.backends.cuda  # untyped
    if device.type != "cuda" or not kernels.cudnn_sdp_enabled():
        yield
        return
    kernels.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        kernels.enable_cudnn_sdp(True)
