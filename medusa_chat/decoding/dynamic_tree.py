"""MEDUSA+'s dynamic tree: at each step, the most probable paths by the heads' own probabilities.

MEDUSA+ multiplies out every combination of k guesses at every depth. Here only the paths that can
ever win are looked at: a path of ranks (r1 .. rd) is never better than those that have smaller
ranks everywhere or that it extends, so with N - 1 places to fill it is out as soon as N - 1 others
are surely at least as good. What is left is a static tree, and a step gathers, adds, sorts once and
takes a subset of it: fixed shapes, no value read back by the host.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.tree import Path, Tree


@dataclass(frozen=True, slots=True)
class FixedTree:
    """The same tree at every step."""

    tree: Tree
    guesses: int
    """Guesses needed from each head: the highest rank plus one."""

    @classmethod
    def of(cls, tree: Tree, device: torch.device) -> FixedTree:
        """Put ``tree`` on ``device`` and count the guesses it takes."""
        return cls(tree.to(device), int(tree.ranks.max()) + 1)

    @property
    def size(self) -> int:
        """Nodes of a step, the root included."""
        return self.tree.size

    @property
    def depth(self) -> int:
        """Heads needed."""
        return self.tree.max_depth

    def grow(self, log_probs: Tensor) -> Tree:
        """Return the tree, whatever the probabilities."""
        del log_probs
        return self.tree


class DynamicTree:
    """The ``size`` - 1 most probable paths and the root, chosen anew at each step.

    ``depth`` heads give ``guesses`` candidates each. ``size`` shrinks to the number of paths there
    are when that is smaller.
    """

    def __init__(self, size: int, depth: int, guesses: int, device: torch.device) -> None:
        self.depth = depth
        self.guesses = guesses
        self._superset = _superset(size, depth, guesses).to(device)
        self.size = min(size, self._superset.size)
        parents = self._superset.parents
        # Per node, the row and column of its own log-probability; the root's is a zero put behind.
        own = (self._superset.depths - 1) * guesses + self._superset.ranks
        own[0] = depth * guesses
        lineage = [own]
        ancestor = parents
        for _ in range(depth - 1):
            lineage.append(own[ancestor])
            ancestor = parents[ancestor]
        self._lineage = torch.stack(lineage)
        self._certain = torch.zeros(1, device=device)

    def grow(self, log_probs: Tensor) -> Tree:
        """Choose the tree for ``log_probs`` [depth, guesses], each row descending.

        Equal weights go to the node that comes first, and ancestors come first, so saturated
        heads (weights of minus infinity) and ties still give a closed tree.
        """
        return self._superset.subset(torch.sort(self._best(log_probs)).values)

    def _best(self, log_probs: Tensor) -> Tensor:
        """Return the superset's nodes that make the tree, the best first."""
        certain = torch.cat([log_probs.flatten(), self._certain])
        # Summed from the root down: rounding then never lifts a path above its own parent.
        weights = certain[self._lineage[-1]]
        for row in reversed(self._lineage[:-1].unbind(0)):
            weights = weights + certain[row]
        order = torch.sort(weights, descending=True, stable=True).indices
        return order[: self.size]


class BestFirstTree(DynamicTree):
    """The same trees, their nodes numbered by weight: the first n are the tree of n nodes."""

    def grow(self, log_probs: Tensor) -> Tree:
        """Choose the tree for ``log_probs`` [depth, guesses], each row descending."""
        # Parents come before their children here too.
        return self._superset.subset(self._best(log_probs))


def _superset(size: int, depth: int, guesses: int) -> Tree:
    """Return the static tree of all paths that can be among the best ``size`` - 1."""
    kept: list[Path] = []

    def extend(path: Path, product: int, surely_as_good: int) -> None:
        for rank in range(guesses):
            # The box of smaller or equal ranks, and the boxes of the prefixes, this path included.
            box = product * (rank + 1)
            if surely_as_good + box > size - 1:
                return
            kept.append((*path, rank))
            if len(path) + 1 < depth:
                extend((*path, rank), box, surely_as_good + box)

    extend((), 1, 0)
    return Tree.from_paths(kept, limit=None)
