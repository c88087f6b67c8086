"""The paper's tree search: a fixed tree from measured accuracies of the heads (section 2.3.3).

If the guesses of different heads were right independently, a path would be right with the product
of its guesses' accuracies, and the expected tokens of a step would grow by that much with the path
in the tree. So the tree grows by the most accurate path that it can take, again and again.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.tree import Path


def search(
    accuracies: Sequence[Sequence[float]],
    size: int,
    *,
    max_depth: int | None = None,
    max_child: Sequence[int] | None = None,
) -> PathList:
    """Return the best ``size`` - 1 paths in the order of their finding, the better part first.

    ``accuracies[head][rank]`` is how often that guess was right. A path comes after its parent and
    after its elder sibling, whose guess the head itself prefers; equal paths, the shorter first.
    ``max_depth`` bounds their length and ``max_child[head]`` the guesses of a head.
    """
    guesses = [len(of_head) for of_head in accuracies[:max_depth]]
    if max_child is not None:
        guesses = [min(pair) for pair in zip(guesses, max_child, strict=False)]
    found: PathList = []
    reachable: list[tuple[float, int, Path, float]] = []

    def reach(parent: Path, accuracy_of_parent: float, rank: int) -> None:
        head = len(parent)
        if head < len(guesses) and rank < guesses[head]:
            path = (*parent, rank)
            product = accuracy_of_parent * accuracies[head][rank]
            heapq.heappush(reachable, (-product, len(path), path, accuracy_of_parent))

    reach((), 1.0, 0)
    while reachable and len(found) < size - 1:
        negative, _, path, accuracy_of_parent = heapq.heappop(reachable)
        found.append(list(path))
        reach(path, -negative, 0)
        reach(path[:-1], accuracy_of_parent, path[-1] + 1)
    return found
