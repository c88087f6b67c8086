"""The mixed tree on a CPU: the same nodes as ``MixedTree.grow`` finds, in a fraction of the time.

A tree of a CPU's size is some hundred operations on a few numbers each, where starting a tensor
operation costs more than the numbers do. Here values may be looked at, so the tree grows best first
(a heap, as in Dijkstra's algorithm), and nothing is computed that could not end up in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from typing import Protocol

import torch
from torch import Tensor

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

    ``follows`` marks those of suffix chains.
    """

    parents: list[int]
    depths: list[int]
    tokens: list[int]
    follows: list[bool]


class Growth:
    """Grows one tree of ``size`` nodes, at most ``depth`` deep."""

    def __init__(
        self,
        size: int,
        depth: int,
        evidence: Evidence,
        table: Rows,
        row_weights: Sequence[float],
        odds: Sequence[float],
    ) -> None:
        """``row_weights`` [D] is how much a row of the table counts, ``odds`` a chain's by length.

        Without lookup no node has a chain: ``match`` has length 0 then, and ``lookup`` is false.
        """
        self._wanted = size - 1
        self._depth = depth
        self._evidence = evidence
        self._table = table
        self._last_slot = table.length
        self._row_weights = row_weights
        self._odds = odds
        # What may still come into the tree: weight (negative, as the heap wants it), order of
        # finding, parent's place, depth, token, whether it follows a chain, slot, chain's length.
        self._open: list[tuple[float, int, int, int, int, bool, int, int]] = []
        self._highest: list[float] = []  # the weights of the best so far, at most as many as wanted
        self._found = 0

    def run(self, match: Match, *, lookup: bool) -> Grown:
        """Return the tree behind a root whose earlier place is ``match``."""
        grown = Grown([0], [0], [0], [False])
        self._expand(1.0, 0, 0, match.slot, match.length)
        place = 0
        while self._open and place < self._wanted:
            weight, _, parent, depth, token, follows, slot, length = heappop(self._open)
            place += 1
            grown.parents.append(parent)
            grown.depths.append(depth)
            grown.tokens.append(token)
            grown.follows.append(follows)
            if depth == self._depth or not self._may_add(-weight):
                continue
            if follows and slot < self._last_slot:
                slot, length = slot + 1, min(length + 1, MOST_MATCHED)
            else:
                slot = self._table.slot_of(token)
                length = 1 if lookup and slot else 0
            self._expand(-weight, place, depth, slot, length)
        return grown

    def _may_add(self, weight: float) -> bool:
        """Whether a node of this weight would be among the best."""
        return len(self._highest) < self._wanted or weight > self._highest[0]

    def _expand(self, weight: float, place: int, depth: int, slot: int, length: int) -> None:
        """Add the likeliest children of the node at ``place``, which is at ``depth``."""
        evidence = self._evidence
        row, row_weight = evidence.probs[depth], self._row_weights[depth]
        ids, lifts = self._table.row(slot)
        # Of the whole vocabulary the row's tokens weigh more than before, none less.
        raised = []
        mass = 1.0
        for token, lift in zip(ids, lifts, strict=True):
            own = row[token]
            more = own * math.exp(min(row_weight * lift, _MOST))
            raised.append(more)
            mass += more - own
        if length:  # the token that followed comes first
            odds = self._odds[length]
            if evidence.plain is None:
                rise = odds * mass
            else:
                lift = math.exp(min(row_weight * lifts[0], _MOST))
                sure = min(evidence.plain[depth][ids[0]] * lift, 1.0)
                rise = raised[0] * odds / max(sure, _TINY)
            raised[0] += rise
            mass += rise
        scale = weight / mass
        chained = length > 0
        for token, more in zip(ids, raised, strict=True):
            self._offer(more * scale, place, depth, token, chained, slot, length)
            chained = False
        if depth >= len(evidence.best):
            return
        for guess, token in zip(evidence.best[depth], evidence.best_ids[depth], strict=True):
            if not self._may_add(guess * scale):
                break
            if token not in ids:
                self._offer(guess * scale, place, depth, token, False, slot, length)

    def _offer(
        self,
        weight: float,
        parent: int,
        depth: int,
        token: int,
        follows: bool,
        slot: int,
        length: int,
    ) -> None:
        highest = self._highest
        if len(highest) < self._wanted:
            heappush(highest, weight)
        elif weight > highest[0]:
            heapreplace(highest, weight)
        else:
            return
        self._found += 1
        heappush(
            self._open,
            (-weight, self._found, parent, depth + 1, token, follows, slot, length),
        )


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
