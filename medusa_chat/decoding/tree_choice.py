"""From the user's words for a tree to the tree itself, for one model on one device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.automatic_tree import AutomaticTree, TreeKind
from medusa_chat.decoding.dynamic_tree import BestFirstTree, FixedTree
from medusa_chat.decoding.experience import Experience
from medusa_chat.decoding.mixed_drafting import depth_for
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.presets import best_first, named_paths
from medusa_chat.decoding.searched_trees import SearchedTrees
from medusa_chat.decoding.stats import AUTO
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import UsageError
from medusa_chat.settings import DecodeSettings, DraftSources

# Where the size is not left to measurement: a CPU's step grows with every node, a GPU's hardly.
_CPU_NODES, _GPU_NODES = 8, 64
_MOST_CPU_NODES, _MOST_GPU_NODES = 16, 64
MOST_HEADS = 4
"""Grown and searched trees use no more of a model's heads: the published ones are no deeper."""
DYNAMIC_GUESSES = 32
"""Of each head, in a tree that is grown from the heads alone."""


@dataclass(frozen=True, slots=True)
class ChosenTree:
    """A tree and its name."""

    name: str
    shape: StepShape | AdaptiveTree

    @property
    def words(self) -> str:
        """The tree as the interface shows it; how large an automatic one is, its replies tell."""
        if isinstance(self.shape, AdaptiveTree):
            return self.name
        size = self.shape.size
        return f"{self.name}, {size} node{'' if size == 1 else 's'}"


def most_nodes(device: torch.device) -> int:
    """Return how large the automatic tree may become."""
    return _MOST_GPU_NODES if device.type == "cuda" else _MOST_CPU_NODES


_GROWN = (AUTO, "dynamic", "chain", "root")
"""Trees that are made for the model; any other name is a preset's or a file's."""


def check_tree(settings: DecodeSettings) -> None:
    """Raise UsageError for a tree that no model could use; needs none loaded."""
    if settings.tree not in _GROWN:
        best_first(named_paths(settings.tree), settings.tree_size)


def choose_tree(
    settings: DecodeSettings,
    *,
    heads: int,
    vocabulary: int,
    device: torch.device,
    checks_trees: bool = False,
    experience: Experience | None = None,
) -> ChosenTree:
    """Return the tree that ``settings`` ask for; the root alone when Medusa is off.

    A model without heads whose forward ``checks_trees`` drafts from the conversation, if settings
    let it. ``experience`` is what ``auto`` begins with. Raises UsageError for a tree that is not
    one, or that is deeper than the heads go.
    """
    name, size = settings.tree, settings.tree_size
    grown = name in (AUTO, "dynamic")
    headless = checks_trees and grown and settings.draft != "heads"
    if not settings.medusa or (heads == 0 and not headless) or name == "root" or size == 1:
        return ChosenTree("root", FixedTree.of(Tree.root(), device))
    if grown:
        heads = min(heads, MOST_HEADS)
        shape_of = partial(grown_tree, settings.draft, heads, vocabulary, device)
        # A relaxed acceptance's text depends on the tree, which therefore stays the same.
        if name == AUTO and size is None and settings.acceptance == "exact":
            most, known = most_nodes(device), experience or Experience()
            learns = settings.draft != "heads"
            depth = depth_for(most, heads) if learns else heads
            kind = TreeKind(known.grown, most, depth, shape_of)
            searched = _searched(known, most, heads, vocabulary, device)
            paths = known.paths if searched else []
            shape = AutomaticTree(kind, searched, paths, tuning=known.tuning, learns=learns)
            return ChosenTree(AUTO, shape)
        default = _GPU_NODES if device.type == "cuda" else _CPU_NODES
        return ChosenTree("dynamic", shape_of(size or default))
    if name == "chain":
        depth = heads if size is None else min(heads, size - 1)
        return ChosenTree("chain", FixedTree.of(Tree.chain(depth), device))
    tree = best_first(named_paths(name), size)
    if tree.max_depth > heads:
        raise UsageError(
            f"--tree {name} is {tree.max_depth} deep, but the model has {heads} heads: use a "
            "shallower tree, or --tree dynamic."
        )
    fixed = FixedTree.of(tree, device)
    if fixed.guesses > vocabulary:
        raise UsageError(
            f"--tree {name} has rank {fixed.guesses - 1}, but the vocabulary ends at "
            f"{vocabulary - 1}."
        )
    return ChosenTree(name, fixed)


def grown_tree(
    draft: DraftSources, heads: int, vocabulary: int, device: torch.device, size: int
) -> StepShape:
    """Return the tree of ``size`` nodes that is grown at each step from what ``draft`` names.

    ``heads`` is how many the model has, 1 or more where ``draft`` is the heads alone.
    """
    if size == 1:
        return FixedTree.of(Tree.root(), device)
    heads = min(heads, MOST_HEADS)
    if draft == "heads":
        guesses = min(DYNAMIC_GUESSES, vocabulary)
        return BestFirstTree(size, min(heads, size - 1), guesses, device)
    depth = depth_for(size, heads)
    return MixedTree(size, depth, heads, vocabulary, device, lookup=draft == "all")


def _searched(
    known: Experience, most: int, heads: int, vocabulary: int, device: torch.device
) -> TreeKind | None:
    """Return the trees of an earlier search, if they are known to pay and fit the model."""
    paths = known.paths[: most - 1]
    if not paths or max(map(max, paths)) >= vocabulary:
        return None
    try:
        trees = SearchedTrees(paths, device)
    except UsageError:  # the file in which they were kept is damaged
        return None
    kind = TreeKind(known.searched, trees.size, trees.depth, trees.shape, trees.places)
    return None if trees.depth > heads or kind.times.missing(kind.sizes) else kind
