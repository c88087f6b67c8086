"""T(n): how long one forward pass over a tree of n nodes takes, behind a given context."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from medusa_chat.benchmark.bandwidth import wait_for
from medusa_chat.decoding.step import Forward
from medusa_chat.decoding.tree import Path, Tree
from medusa_chat.settings import MAX_TREE_SIZE

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
assert max(SIZES) <= MAX_TREE_SIZE
_FAN = 4
"""Guesses behind a node of the trees that are timed; 128 nodes are four deep."""
_CHUNK = 512
_WARM_UPS = 2


@dataclass(frozen=True, slots=True)
class StepTime:
    """The median time of a step of ``nodes`` nodes, the root included."""

    nodes: int
    seconds: float


def timed_tree(nodes: int) -> Tree:
    """Return a tree of so many nodes, filled level by level."""
    paths: list[Path] = [()]
    for parent in paths:
        for rank in range(_FAN):
            if len(paths) == nodes:
                return Tree.from_paths(paths[1:])
            paths.append((*parent, rank))
    raise AssertionError("unreachable: the list grows while it is read")


def time_steps(
    forward: Forward,
    *,
    prefix_tokens: int,
    sizes: Sequence[int] = SIZES,
    repeats: int = 5,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[str, float | None], None] = lambda _words, _fraction: None,
) -> list[StepTime]:
    """Return T(n) for each of ``sizes``, measured in turn, behind ``prefix_tokens`` tokens.

    After ``cancelled`` those are returned that have been measured at least once. The forward's
    cache is empty afterwards.
    """
    device = forward.device
    generator = torch.Generator().manual_seed(0)
    prefix = torch.randint(forward.vocabulary, (prefix_tokens,), generator=generator).to(device)
    trees = {size: timed_tree(size).to(device) for size in sizes}
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    tokens = torch.randint(forward.vocabulary, (max(sizes),), generator=generator).to(device)
    try:
        forward.truncate(0)
        for start in range(0, prefix_tokens, _CHUNK):
            forward.extend(prefix[start : start + _CHUNK])
        for repeat in range(-_WARM_UPS, repeats):
            report("Timing steps", max(0.0, repeat / repeats))
            shift = repeat % len(sizes)
            for size in (*sizes[shift:], *sizes[:shift]):
                if cancelled():
                    return _medians(seconds)
                wait_for(device)
                started = time.perf_counter()
                forward.step(tokens[:size], trees[size])
                wait_for(device)
                if repeat >= 0:
                    seconds[size].append(time.perf_counter() - started)
                # As after a real step, and back: what a step leaves must not add up.
                forward.compact([0])
                forward.truncate(prefix_tokens)
    finally:
        forward.truncate(0)
    return _medians(seconds)


def _medians(seconds: dict[int, list[float]]) -> list[StepTime]:
    return [StepTime(size, statistics.median(times)) for size, times in seconds.items() if times]
