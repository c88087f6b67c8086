"""Ways to choose a tree of n nodes, side by side on the logs of the same replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.presets import best_first, presets
from medusa_chat.decoding.replay import ReplyLog, head_accuracies, replay
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_choice import DYNAMIC_GUESSES, MOST_HEADS, grown_tree
from medusa_chat.decoding.tree_search import search
from medusa_chat.settings import DraftSources

SIZES = (8, 16, 32, 64, 128)

ShapeOf = Callable[[int], StepShape]
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

    Those that are called as ``--draft`` has it are the engine's own dynamic trees. The searched
    tree is fitted to the very replies that it is then scored on, which flatters it.
    """
    heads, vocabulary = logs[0].head_logits.shape[1:]
    device = logs[0].logits.device
    methods: dict[str, ShapeOf] = {}
    if heads:
        for name, paths in presets().items():
            if max(map(len, paths)) <= heads and max(map(max, paths)) < vocabulary:
                methods[name] = lambda nodes, paths=paths: FixedTree.of(  # type: ignore[misc]
                    best_first(paths, nodes), device
                )
        accuracies = head_accuracies(logs)
        methods["searched"] = lambda nodes: FixedTree.of(
            Tree.from_paths(search(accuracies, nodes, max_depth=MOST_HEADS)), device
        )
        depth, guesses = min(heads, MOST_HEADS), min(DYNAMIC_GUESSES, vocabulary)
        methods["MEDUSA+"] = lambda nodes: KeptOnlyTree(nodes, depth, guesses, device)
    sources: tuple[DraftSources, ...] = ("heads", "bigram", "all") if heads else ("bigram", "all")
    for source in sources:
        methods[source] = partial(grown_tree, source, heads, vocabulary, device)
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
