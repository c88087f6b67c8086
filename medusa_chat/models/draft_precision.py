"""The precision that heads draft in. Heads only guess, so rounding costs guesses and never text."""

from __future__ import annotations

import copy
import time

import torch

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads
from medusa_chat.settings import HeadPrecision

_WORTHWHILE_ELEMENTS = 1_000_000
"""Smaller output matrices stay in a processor's cache, where there is nothing to gain."""
_REPEATS = 5


Heads = MedusaHeads | Int8Heads
"""What drafts, in whatever precision."""


def place_heads(
    heads: MedusaHeads,
    device: torch.device,
    dtype: torch.dtype,
    precision: HeadPrecision = "full",
) -> Heads:
    """Return ``heads`` on ``device``, in 8 bits if asked for, else in the base's ``dtype``.

    Or in bfloat16, where that is faster: on a CPU the output matrices of float32 heads cost as much
    as the step they guess for; whether half the bytes are read in less time depends on the
    processor, so it is tried.
    """
    if precision == "8bit":
        return Int8Heads(heads, device, dtype)
    placed = heads.to(device=device, dtype=dtype)
    output = placed.output_weight
    if (
        device.type != "cpu"
        or dtype != torch.float32
        or output is None
        or output.numel() < _WORTHWHILE_ELEMENTS
    ):
        return placed
    rounded = copy.deepcopy(placed).to(torch.bfloat16)
    return rounded if _seconds(rounded) < _seconds(placed) else placed


@torch.inference_mode()
def _seconds(heads: MedusaHeads) -> float:
    """Return the shortest time in which all heads guess once."""
    hidden = torch.zeros(1, heads.hidden_size, dtype=heads.block_weight.dtype)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        heads(hidden, heads)  # they have output matrices, so the base's is not asked for
        seconds.append(time.perf_counter() - started)
    return min(seconds)
