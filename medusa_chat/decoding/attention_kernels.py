"""Which of torch's attention kernels run on a GPU: those that are ready for any number of keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

_AS_IT_IS = nullcontext()
"""For every step on a CPU, where making a context would take longer than what it does."""


def ready_kernels(device: torch.device) -> AbstractContextManager[None]:
    """Keep torch on ``device`` off cuDNN's attention for a while.

    On Hopper torch takes that one first (``check_prefer_cudnn_attention`` in ``sdp_utils.cpp``),
    and it builds a plan for each shape anew: for every length of a prompt, and where steps are not
    CUDA graphs for every step, since each has more keys than the one before.
    """
    return _without_cudnn() if device.type == "cuda" else _AS_IT_IS


@contextmanager
def _without_cudnn() -> Iterator[None]:
    kernels: Any = torch.backends.cuda  # untyped
    before = kernels.cudnn_sdp_enabled()
    kernels.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        kernels.enable_cudnn_sdp(before)
