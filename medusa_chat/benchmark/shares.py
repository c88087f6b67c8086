"""Where the time of a step goes: the forward, the heads' matrices, and everything else.

Found in replies of their own, since reading a clock around the parts takes time too, and on a CUDA
device they have to be waited for one by one. A step that is one CUDA graph has no parts to time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from medusa_chat.benchmark.bandwidth import wait_for
from medusa_chat.benchmark.modes import ModeContestant
from medusa_chat.benchmark.run import Item
from medusa_chat.decoding.decoder import Decoder

_REPLIES = 8


@dataclass(frozen=True, slots=True)
class Shares:
    """Of a mode's time after the first token, as fractions; the median over some replies."""

    name: str
    forward: float
    heads: float
    rest: float
    """Choosing the tree, drawing, accepting, compacting, text."""


def measure_shares(
    decoder: Decoder,
    modes: Sequence[ModeContestant],
    items: Sequence[Item],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Shares]:
    """Return the shares of each of ``modes``, over a few of ``items`` spread over all of them.

    Nothing is returned when ``cancelled``, nor for a mode whose replies are of one token.
    """
    chosen = items[:: max(1, len(items) // _REPLIES)][:_REPLIES]
    found: dict[str, list[tuple[float, float]]] = {mode.name: [] for mode in modes}
    with _timed(decoder) as spent:
        for item in chosen:
            for mode in modes:
                spent.forward = spent.heads = 0.0
                sample = mode.answer(item.messages, cancelled)
                if cancelled():
                    return []
                total = sample.figures.decode_seconds
                if sample.forward_steps and total > 0:
                    found[mode.name].append((spent.forward / total, spent.heads / total))
    return [
        Shares(name, forward, heads, max(0.0, 1 - forward - heads))
        for name, pairs in found.items()
        if pairs
        for forward, heads in [tuple(map(median, zip(*pairs, strict=True)))]
    ]


@dataclass(slots=True)
class _Spent:
    """Seconds since they were last set to 0."""

    forward: float = 0.0
    heads: float = 0.0


@contextmanager
def _timed(decoder: Decoder) -> Iterator[_Spent]:
    """Time the steps and the heads of ``decoder`` for a while; prefill does not count."""
    forward, head_logits = decoder.forward, decoder.head_logits
    device, spent = forward.device, _Spent()

    def timed_heads(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
        started = _now(device)
        logits = head_logits(hidden, depth, root)
        spent.heads += _now(device) - started
        return logits

    decoder.forward = _TimedForward(forward, spent)
    decoder.head_logits = timed_heads
    try:
        yield spent
    finally:
        decoder.forward, decoder.head_logits = forward, head_logits


class _TimedForward:
    """A forward whose steps are timed; in all else it is the other."""

    def __init__(self, forward: Any, spent: _Spent) -> None:
        self._timed_forward = forward
        self._spent = spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._timed_forward, name)

    def step(self, *arguments: Any, **options: Any) -> Any:
        device = self._timed_forward.device
        started = _now(device)
        output = self._timed_forward.step(*arguments, **options)
        self._spent.forward += _now(device) - started
        return output


def _now(device: torch.device) -> float:
    wait_for(device)
    return time.perf_counter()
