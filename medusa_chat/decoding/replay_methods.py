"""Ways to choose a tree of n nodes, side by side on the logs of the same replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.mixed_drafting import depth_for
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.presets import best_first, presets
from medusa_chat.decoding.replay import ReplyLog, head_accuracies, replay
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_search import search

SIZES = (8, 16, 32, 64, 128)

_DEPTH = 4
_GUESSES = 32

ShapeOf = Callable[[int], TreeShape | MixedTree]
"""The tree of a method by its number of nodes, the root included."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a method reached with trees of ``nodes`` nodes, over all replies."""

    method: str
    nodes: int
    tokens: int
    steps: int

    @property
    def accepted_per_step(self) -> float:
        """Tokens emitted a step, the root included."""
        return self.tokens / self.steps


class KeptOnlyTree(DynamicTree):
    """MEDUSA+'s rule to the letter: its probabilities are of the kept guesses alone."""

    def grow(self, log_probs: Tensor) -> Tree:
        """Choose the tree for ``log_probs`` [depth, guesses], normalised over each row first."""
        return super().grow(log_probs.log_softmax(-1))


def methods_for(logs: Sequence[ReplyLog]) -> dict[str, ShapeOf]:
    """Return the methods that the logged heads can be used by, by name.

    The searched tree is fitted to the very replies that it is then scored on, which flatters it.
    """
    heads, vocabulary = logs[0].head_logits.shape[1:]
    device = logs[0].logits.device
    depth, guesses = min(heads, _DEPTH), min(_GUESSES, vocabulary)
    methods: dict[str, ShapeOf] = {}
    if heads:
        for name, paths in presets().items():
            if max(map(len, paths)) <= heads and max(map(max, paths)) < vocabulary:
                methods[name] = lambda nodes, paths=paths: FixedTree.of(  # type: ignore[misc]
                    best_first(paths, nodes), device
                )
        accuracies = head_accuracies(logs)
        methods["searched"] = lambda nodes: FixedTree.of(
            Tree.from_paths(search(accuracies, nodes)), device
        )
        methods["MEDUSA+"] = lambda nodes: KeptOnlyTree(nodes, depth, guesses, device)
        methods["heads"] = lambda nodes: DynamicTree(nodes, depth, guesses, device)

    def mixed(nodes: int, *, lookup: bool) -> TreeShape | MixedTree:
        if nodes == 1:
            return FixedTree.of(Tree.root(), device)
        deepest = depth_for(nodes, heads)
        return MixedTree(nodes, deepest, heads, vocabulary, device, lookup=lookup)

    methods["bigram"] = partial(mixed, lookup=False)
    methods["all"] = partial(mixed, lookup=True)
    return methods


def score(
    logs: Sequence[ReplyLog], methods: dict[str, ShapeOf], sizes: Sequence[int] = SIZES
) -> Iterator[Score]:
    """Yield the score of each of ``methods`` at each of ``sizes``, as they are reached."""
    for name, shape_of in methods.items():
        for nodes in sizes:
            with torch.inference_mode():
                shape = shape_of(nodes)
                figures = [replay(log, shape) for log in logs]
            tokens, steps = (
                sum(one.tokens for one in figures),
                sum(one.steps for one in figures),
            )
            yield Score(name, nodes, tokens, steps)
