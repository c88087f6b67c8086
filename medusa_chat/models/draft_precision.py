"""The precision that heads draft in. Heads only guess, so rounding costs guesses and never text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from medusa_chat.decoding.lean.linear import packs
from medusa_chat.decoding.step_clock import step_clock
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads
from medusa_chat.models.packed_heads import PackedHeads
from medusa_chat.settings import HeadPrecision

_WORTHWHILE_ELEMENTS = 1_000_000
"""Smaller output matrices stay in a processor's cache, where there is nothing to gain."""
_REPEATS = 5

Output = Callable[[Tensor], Tensor]
Heads = MedusaHeads | PackedHeads | Int8Heads
"""What drafts, in whatever precision."""


def place_heads(
    heads: MedusaHeads,
    device: torch.device,
    dtype: torch.dtype,
    precision: HeadPrecision = "full",
    base_output: Output | None = None,
    base_weight: Tensor | None = None,
) -> Heads:
    """Return ``heads`` on ``device``, in 8 bits if asked for, else in the base's ``dtype``.

    Or in bfloat16, or over packed weights, where that is faster: on a CPU the output matrices of
    float32 heads cost as much as the step they guess for; whether half the bytes are read in less
    time depends on the processor, so it is tried. Heads that share ``base_output``, whose matrix is
    ``base_weight``, may draft from a rounded copy of that.
    """
    if precision == "8bit":
        return Int8Heads(heads, device, dtype)
    placed = heads.to(device=device, dtype=dtype)
    shared = placed.output_weight is None
    weight = base_weight if shared else placed.output_weight
    if (
        device.type != "cpu"
        or dtype not in (torch.float32, torch.bfloat16)
        or weight is None
        or weight.numel() < _WORTHWHILE_ELEMENTS
    ):
        return placed
    ways: list[Heads] = [placed]
    if packs(dtype):
        ways.append(PackedHeads(placed))
    if dtype != torch.bfloat16:
        rounded = copy.deepcopy(placed)
        if shared:
            rounded.output_weight = nn.Parameter(weight.detach()[None], requires_grad=False)
        rounded = rounded.to(torch.bfloat16)
        ways.append(rounded)
        if packs(torch.bfloat16):
            ways.append(PackedHeads(rounded))
    # In turn: in a step, too, none finds its weights in the processor's cache.
    rounds = [[_seconds(way, base_output) for way in ways] for _ in range(_REPEATS)]
    shortest = [min(seconds) for seconds in zip(*rounds, strict=True)]
    return ways[shortest.index(min(shortest))]


def bytes_read(drafting: Heads, output: Any) -> int:
    """Return the bytes of weights that a draft by all heads reads.

    ``output`` is the base's output matrix: heads that share it read it once more.
    """
    if isinstance(drafting, PackedHeads):  # packed weights are no parameters
        read, shared = drafting.weight_bytes, drafting.shares_output
    else:
        read = sum(one.nbytes for one in (*drafting.parameters(), *drafting.buffers()))
        shared = drafting.output_weight is None
    if shared:
        read += output.out_features * output.in_features * output.weight.element_size()
    return read


@torch.inference_mode()
def _seconds(heads: Heads, output: Output | None) -> float:
    """Return the time in which all heads guess once, by the clock of steps."""
    hidden = torch.zeros(1, heads.hidden_size, dtype=heads.dtype)
    clock = step_clock(hidden.device)
    started = clock()
    heads(hidden, output)
    return clock() - started
