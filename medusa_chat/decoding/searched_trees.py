"""The trees of a tree search: the first paths that were found are the best tree of that size."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.tree import Tree


class SearchedTrees:
    """Fixed trees of every size up to that of all ``paths``, given in the order of finding.

    Raises UsageError for paths that are no tree.
    """

    def __init__(self, paths: PathList, device: torch.device) -> None:
        self.size = len(paths) + 1
        """Nodes of the largest, the root included."""
        self.depth = max(map(len, paths), default=0)
        """Heads that it takes."""
        self._device = device
        self._paths = paths
        self._found = {tuple(path): place for place, path in enumerate(paths, start=1)}
        self._found[()] = 0
        self._places: dict[int, list[int]] = {}
        Tree.from_paths(paths)

    def shape(self, size: int) -> FixedTree:
        """Return the tree of ``size`` nodes, or the largest where there is none."""
        return FixedTree.of(Tree.from_paths(self._paths[: size - 1]), self._device)

    def places(self, size: int, nodes: Sequence[int]) -> list[int]:
        """Return when each of ``nodes`` of the tree of ``size`` nodes was found, the root first.

        A tree numbers its nodes by their depth.
        """
        places = self._places.get(size)
        if places is None:
            tree = Tree.from_paths(self._paths[: size - 1])
            places = self._places[size] = [self._found[path] for path in tree.paths()]
        return [places[node] for node in nodes]
