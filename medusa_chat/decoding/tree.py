"""The candidate tree: which guesses one forward pass checks, and who sees whom.

Nodes are numbered parents first; node 0 is the root, a token that is already certain. Shapes:
N nodes (the root included), D the depth of the deepest node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.errors import UsageError
from medusa_chat.settings import MAX_TREE_SIZE

Path = tuple[int, ...]
"""Ranks from the root down: ``(0, 2)`` is the third guess of head 1 after the first of head 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A tree of guesses by rank; the tokens are filled in by a draft.

    ``parents`` [N] (the root is its own), ``depths`` [N], ``ranks`` [N] (0 for the root) are int64;
    ``mask`` [N, N] is true where the row's node may attend to the column's: itself and its
    ancestors (Medusa, section 2.1.2, tree attention). ``max_depth`` bounds ``depths``.
    """

    parents: Tensor
    depths: Tensor
    ranks: Tensor
    mask: Tensor
    max_depth: int

    @classmethod
    def from_paths(
        cls, paths: Iterable[Sequence[int]], *, limit: int | None = MAX_TREE_SIZE
    ) -> Tree:
        """Build a tree whose nodes are the root and the end of each path.

        The nodes are ordered by depth, then by path, as in the reference implementation. Raises
        UsageError for a path that is empty, negative or repeated, whose parent is missing, or when
        there are more than ``limit`` nodes, the most that a step may check.
        """
        ordered = sorted((tuple(path) for path in paths), key=lambda path: (len(path), path))
        if limit is not None and len(ordered) >= limit:
            raise UsageError(
                f"The tree has {len(ordered) + 1} nodes, the root included: the most is {limit}."
            )
        node_of: dict[Path, int] = {(): 0}
        parents, depths, ranks = [0], [0], [0]
        for path in ordered:
            if not path or min(path) < 0:
                raise UsageError(
                    f"The tree's path {list(path)} is not usable: a path lists ranks from 0."
                )
            if path in node_of:
                raise UsageError(f"The tree's path {list(path)} stands twice: remove one.")
            if path[:-1] not in node_of:
                raise UsageError(
                    f"The tree's path {list(path)} has no parent: add {list(path[:-1])} as well."
                )
            node_of[path] = len(parents)
            parents.append(node_of[path[:-1]])
            depths.append(len(path))
            ranks.append(path[-1])
        mask = torch.eye(len(parents), dtype=torch.bool)
        for node in range(1, len(parents)):
            mask[node] |= mask[parents[node]]
        return cls(
            parents=torch.tensor(parents),
            depths=torch.tensor(depths),
            ranks=torch.tensor(ranks),
            mask=mask,
            max_depth=depths[-1],
        )

    @classmethod
    def chain(cls, depth: int) -> Tree:
        """Return the likeliest guess of each of ``depth`` heads, one after the other."""
        return cls.from_paths([(0,) * length for length in range(1, depth + 1)])

    @classmethod
    def root(cls) -> Tree:
        """Return the root alone: plain decoding."""
        return cls.from_paths([])

    @property
    def size(self) -> int:
        """Number of nodes, the root included."""
        return self.parents.shape[0]

    def to(self, device: torch.device) -> Tree:
        """Return the tree with its tensors on ``device``."""
        return Tree(
            parents=self.parents.to(device),
            depths=self.depths.to(device),
            ranks=self.ranks.to(device),
            mask=self.mask.to(device),
            max_depth=self.max_depth,
        )

    def subset(self, nodes: Tensor) -> Tree:
        """Return the tree of some nodes, ``nodes`` [n] ascending and closed under parents.

        Tensor operations of fixed shape only, so that a CUDA graph can hold it.
        """
        renumbered = torch.zeros_like(self.parents)
        renumbered[nodes] = torch.arange(nodes.shape[0], device=nodes.device)
        return Tree(
            parents=renumbered[self.parents[nodes]],
            depths=self.depths[nodes],
            ranks=self.ranks[nodes],
            mask=self.mask[nodes][:, nodes],
            max_depth=self.max_depth,
        )

    def paths(self) -> list[Path]:
        """Return each node's path from the root; the root's is empty."""
        paths: list[Path] = [()]
        ranks = self.ranks.tolist()
        for node, parent in enumerate(self.parents.tolist()[1:], start=1):
            paths.append((*paths[parent], ranks[node]))
        return paths
