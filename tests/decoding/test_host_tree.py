"""Trees written into the same memory one after another, each as if it were the first."""

from __future__ import annotations

import random

import torch

from medusa_chat.decoding.host_growth import Grown
from medusa_chat.decoding.host_tree import HostTrees
from medusa_chat.decoding.tree import Tree


def grown(size: int, seed: int) -> tuple[Grown, list[tuple[int, ...]]]:
    """Return a tree, and the path of each node but the root."""
    draws = random.Random(seed)
    paths: list[tuple[int, ...]] = [()]
    parents, children = [0], [0] * size
    for node in range(1, size):
        parent = draws.choice([one for one in range(node) if len(paths[one]) < 6])
        parents.append(parent)
        paths.append((*paths[parent], children[parent]))
        children[parent] += 1
    depths = [len(path) for path in paths]
    tokens = draws.choices(range(50), k=size)
    return Grown(parents, depths, tokens, [2] * size, [0.5] * (size - 1)), paths[1:]


def test_is_the_tree_of_its_paths() -> None:
    trees = HostTrees(6)
    for seed, size in enumerate([8, 8, 5, 1, 70, 8, 5]):
        one, paths = grown(size, seed)
        draft = trees.draft(one)
        expected = Tree.from_paths(paths)
        assert draft.tree.paths()[1:] == paths
        # The other one is numbered by depth.
        place = {path: node for node, path in enumerate(expected.paths())}
        moved = torch.tensor([place[path] for path in draft.tree.paths()])
        assert torch.equal(draft.tree.mask, expected.mask[moved][:, moved])
        assert torch.equal(draft.tree.depths, expected.depths[moved])
        assert draft.tree.parents.tolist() == one.parents
        assert draft.tokens.tolist() == one.tokens
        assert draft.nodes is not None
        assert draft.nodes.parents is one.parents
