"""In which precision the base and the heads compute while heads are trained."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from medusa_chat.models.device import resolve_dtype
from medusa_chat.settings import DType


@dataclass(frozen=True, slots=True)
class Precision:
    """``base`` is the dtype of the base's weights; the heads' are always float32.

    With ``mixed``, matrix products are made in bfloat16 (autocast), sums and losses in float32.
    """

    base: torch.dtype
    mixed: bool

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Return the context in which forwards run."""
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.mixed)


def choose_precision(name: DType, device: torch.device) -> Precision:
    """Return the precision for ``--dtype`` ``name``; auto on a CPU measures what is faster."""
    base = resolve_dtype(name, device)
    if name == "auto" and device.type == "cpu":
        return Precision(base, mixed=_bfloat16_is_faster())
    return Precision(base, mixed=base is torch.bfloat16)


def _bfloat16_is_faster() -> bool:
    """Time both: CPUs with bfloat16 products win by 4 (AVX-512) and more, others lose as much.

    On one thread, by turns and often, so that a busy machine does not decide it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = {torch.bfloat16: math.inf, torch.float32: math.inf}
    squares = {dtype: torch.ones(512, 512, dtype=dtype) for dtype in seconds}
    try:
        for _ in range(20):
            for dtype, square in squares.items():
                begun = time.perf_counter()
                torch.mm(square, square)
                seconds[dtype] = min(seconds[dtype], time.perf_counter() - begun)
    finally:
        torch.set_num_threads(threads)
    return seconds[torch.bfloat16] < 0.8 * seconds[torch.float32]
