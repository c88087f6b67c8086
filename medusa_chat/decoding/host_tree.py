"""The tensors of a tree that was grown on a CPU, in memory that the next one is written into.

A forward pass wants tensors, and making a few small ones takes as long as growing a small tree.
Here they are made once for each number of nodes, and afterwards a tree is written into them as
bytes. N nodes.
"""

from __future__ import annotations

from array import array

import torch

from medusa_chat.decoding.acceptance import Draft, HostNodes
from medusa_chat.decoding.host_growth import Grown
from medusa_chat.decoding.tree import Tree


class HostTrees:
    """Trees at most ``max_depth`` deep. Each is good until the next of as many nodes is asked for.

    Whoever keeps a draft keeps its ``nodes``.
    """

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._of_size: dict[int, _Memory] = {}

    def draft(self, grown: Grown) -> Draft:
        """Return what was ``grown`` as a draft."""
        size = len(grown.parents)
        memory = self._of_size.get(size)
        if memory is None:
            memory = self._of_size[size] = _Memory(size, self._max_depth)
        memory.write(grown)
        nodes = HostNodes(grown.parents, grown.depths, grown.tokens)
        return Draft(memory.tree, memory.tokens, grown.sources, grown.weights, nodes=nodes)


class _Memory:
    """A tree of ``size`` nodes and its tokens."""

    def __init__(self, size: int, max_depth: int) -> None:
        self._size = size
        self._numbers = array("q", bytes(4 * size * 8))
        self._sees = bytearray(size * size)
        numbers = torch.frombuffer(self._numbers, dtype=torch.int64).view(4, size)
        mask = torch.frombuffer(self._sees, dtype=torch.bool).view(size, size)
        self.tree = Tree(numbers[0], numbers[1], numbers[2], mask, max_depth)
        self.tokens = numbers[3]

    def write(self, grown: Grown) -> None:
        """Write down what was ``grown``."""
        size, sees, parents = self._size, self._sees, grown.parents
        # A node's rank is the number of its elder siblings: the likelier ones come first.
        children = [0] * size
        ranks = [0] * size
        sees[:size] = bytes(size)
        sees[0] = 1
        for node in range(1, size):
            parent = parents[node]
            ranks[node] = children[parent]
            children[parent] += 1
            row, above = node * size, parent * size
            sees[row : row + size] = sees[above : above + size]
            sees[row + node] = 1
        self._numbers[:] = array("q", parents + grown.depths + ranks + grown.tokens)
