"""The precision that heads draft in. Heads only guess, so rounding costs guesses and never text."""

from __future__ import annotations

import copy
import time
from typing import Any

import torch

from medusa_chat.decoding.lean.linear import packs
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads
from medusa_chat.models.packed_heads import PackedHeads
from medusa_chat.settings import HeadPrecision

_WORTHWHILE_ELEMENTS = 1_000_000
"""Smaller output matrices stay in a processor's cache, where there is nothing to gain."""
_REPEATS = 5


Heads = MedusaHeads | PackedHeads | Int8Heads
"""What drafts, in whatever precision."""


def place_heads(
    heads: MedusaHeads,
    device: torch.device,
    dtype: torch.dtype,
    precision: HeadPrecision = "full",
) -> Heads:
    """Return ``heads`` on ``device``, in 8 bits if asked for, else in the base's ``dtype``.

    Or in bfloat16, or over packed weights, where that is faster: on a CPU the output matrices of
    float32 heads cost as much as the step they guess for; whether half the bytes are read in less
    time depends on the processor, so it is tried.
    """
    if precision == "8bit":
        return Int8Heads(heads, device, dtype)
    placed = heads.to(device=device, dtype=dtype)
    output = placed.output_weight
    if (
        device.type != "cpu"
        or dtype not in (torch.float32, torch.bfloat16)
        or output is None
        or output.numel() < _WORTHWHILE_ELEMENTS
    ):
        return placed
    ways: list[Heads] = [placed]
    if dtype != torch.bfloat16:
        ways.append(copy.deepcopy(placed).to(torch.bfloat16))
    if packs(torch.bfloat16):
        rounded = ways[-1]
        assert isinstance(rounded, MedusaHeads)
        ways.append(PackedHeads(rounded))
    return min(ways, key=_seconds)


def bytes_read(drafting: Heads, heads: MedusaHeads, output: Any) -> int:
    """Return the bytes of weights that a step of ``drafting`` reads, ``heads`` as it drafts.

    ``output`` is the base's output matrix: heads that share it read it once more.
    """
    if isinstance(drafting, PackedHeads):  # packed weights are no parameters
        read = sum(one.numel() for one in heads.parameters()) * drafting.dtype.itemsize
    else:
        read = sum(one.nbytes for one in (*drafting.parameters(), *drafting.buffers()))
    if heads.output_weight is None:
        read += output.out_features * output.in_features * output.weight.element_size()
    return read


@torch.inference_mode()
def _seconds(heads: Heads) -> float:
    """Return the shortest time in which all heads guess once."""
    hidden = torch.zeros(1, heads.hidden_size, dtype=heads.dtype)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        heads(hidden, heads)  # they have output matrices, so the base's is not asked for
        seconds.append(time.perf_counter() - started)
    return min(seconds)
