"""The mixed tree on a CPU: the same nodes as ``MixedTree.grow`` finds, in a fraction of the time.

A tree of a CPU's size is some hundred operations on a few numbers each, where starting a tensor
operation costs more than the numbers do. Here values may be looked at, so the tree grows best first
(a heap, as in Dijkstra's algorithm), and nothing is computed that could not end up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from math import exp
from typing import Protocol

import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import FLOOR
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, Match

Row = Sequence[float]
"""Probabilities by token id."""

_TINY = 1e-35
_MOST = 80.0
"""The exponential of this is finite, whatever it is multiplied with."""


class Rows(Protocol):
    """What the conversation has taught of the tokens that follow one another."""

    @property
    def length(self) -> int:
        """Positions that are known."""

    def row(self, slot: int) -> tuple[list[int], list[float]]:
        """Return the ids and lifts of ``slot``, the token that followed first."""

    def slot_of(self, token: int) -> int:
        """Return the last slot of ``token``, 0 for none."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the heads and the noise say, D rows: ``probs`` of all tokens with the noise in them.

    ``plain`` are those without it where they differ. ``best`` and ``best_ids`` are the heads' best
    guesses, the likeliest first, of the K depths that have a head.
    """

    probs: Sequence[Row]
    plain: Sequence[Row] | None
    best: Sequence[Sequence[float]]
    best_ids: Sequence[Sequence[int]]


@dataclass(slots=True)
class Grown:
    """A tree's nodes, the root first, the others best first and so parents before children.

    ``follows`` marks those of suffix chains; ``weights`` are of all but the root.
    """

    parents: list[int]
    depths: list[int]
    tokens: list[int]
    follows: list[bool]
    weights: list[float]


@dataclass(slots=True)
class Growth:
    """Grows one tree of ``size`` nodes, at most ``depth`` deep.

    ``row_weights`` [D] is how much a row of the table counts, ``odds`` a chain's by its length.
    Some hundred candidates are weighed for a tree of 64 nodes, which is why what is done for each
    stands in two loops and not in functions of their own.
    """

    size: int
    depth: int
    evidence: Evidence
    table: Rows
    row_weights: Sequence[float]
    odds: Sequence[float]

    def run(self, match: Match, *, lookup: bool) -> Grown:
        """Return the tree behind a root whose earlier place is ``match``.

        Without ``lookup`` no node begins a chain.
        """
        grown = Grown([0], [0], [0], [False], [])
        wanted, table, end = self.size - 1, self.table, self.table.length
        front = _Front(wanted)
        self._offer(front, 1.0, 0, 0, match.slot, match.length)
        place = 0
        while front.open and place < wanted:
            negative, _, parent, depth, token, follows, slot, length = heappop(front.open)
            place += 1
            grown.parents.append(parent)
            grown.depths.append(depth)
            grown.tokens.append(token)
            grown.follows.append(follows)
            grown.weights.append(-negative)
            if depth == self.depth or -negative <= front.least:
                continue  # no child of it would be among the best
            if follows and slot < end:
                slot, length = slot + 1, min(length + 1, MOST_MATCHED)
            else:
                slot = table.slot_of(token)
                length = 1 if lookup and slot else 0
            self._offer(front, -negative, place, depth, slot, length)
        return grown

    def _offer(
        self, front: _Front, weight: float, place: int, depth: int, slot: int, length: int
    ) -> None:
        """Offer the likeliest children of the node at ``place``, which is at ``depth``."""
        evidence = self.evidence
        row, row_weight = evidence.probs[depth], self.row_weights[depth]
        ids, lifts = self.table.row(slot)
        # Of the whole vocabulary the row's tokens weigh more than before, none less.
        raised = []
        mass = 1.0
        if row_weight * -FLOOR > _MOST:
            lifts = [min(lift, _MOST / row_weight) for lift in lifts]
        for token, lift in zip(ids, lifts, strict=True):
            own = row[token]
            more = own * exp(row_weight * lift)
            raised.append(more)
            mass += more - own
        chained = length > 0
        if chained:  # the token that followed comes first
            odds = self.odds[length]
            if evidence.plain is None:
                rise = odds * mass
            else:
                sure = min(evidence.plain[depth][ids[0]] * exp(row_weight * lifts[0]), 1.0)
                rise = raised[0] * odds / max(sure, _TINY)
            raised[0] += rise
            mass += rise
        scale = weight / mass
        depth += 1
        for token, more in zip(ids, raised, strict=True):
            if more * scale > front.least:
                front.add(more * scale, (place, depth, token, chained, slot, length))
            chained = False
        if depth <= len(evidence.best):
            guesses = zip(evidence.best[depth - 1], evidence.best_ids[depth - 1], strict=True)
            for guess, token in guesses:
                if guess * scale <= front.least:
                    break  # nor will those after it
                if token not in ids:
                    front.add(guess * scale, (place, depth, token, False, slot, length))


_Node = tuple[int, int, int, bool, int, int]
"""Parent's place, depth, token, whether it follows a chain, its parent's slot and chain's length.
"""


class _Front:
    """What may still come into a tree of ``wanted`` nodes, the best first."""

    def __init__(self, wanted: int) -> None:
        self.open: list[tuple[float, int, int, int, int, bool, int, int]] = []
        """By weight, made negative as the heap wants it, then in the order of finding."""
        self.least = 0.0
        """A candidate has to weigh more than this."""
        self._best: list[float] = []
        self._wanted = wanted
        self._found = 0

    def add(self, weight: float, node: _Node) -> None:
        """Take in a candidate that weighs more than ``least``."""
        best = self._best
        if len(best) < self._wanted:
            heappush(best, weight)
            if len(best) == self._wanted:
                self.least = best[0]
        else:
            heapreplace(best, weight)
            self.least = best[0]
        self._found += 1
        heappush(self.open, (-weight, self._found, *node))


def as_tensors(grown: Grown, sources: list[int]) -> tuple[Tensor, Tensor]:
    """Return parents, depths, ranks, tokens and ``sources`` [5, N], and the mask [N, N]."""
    parents = grown.parents
    size = len(parents)
    # A node's rank is the number of its elder siblings; they come in the order of their weights.
    children = [0] * size
    ranks = [0] * size
    sees = [bytearray(size) for _ in range(size)]
    sees[0][0] = 1
    for node in range(1, size):
        parent = parents[node]
        ranks[node] = children[parent]
        children[parent] += 1
        sees[node][:] = sees[parent]
        sees[node][node] = 1
    mask = torch.frombuffer(bytearray().join(sees), dtype=torch.bool).view(size, size)
    return torch.tensor([parents, grown.depths, ranks, grown.tokens, sources]), mask
