"""The mixed tree on a CPU: the same nodes as ``MixedTree.grow`` finds, in a fraction of the time.

A tree of a CPU's size is some hundred operations on a few numbers each, where starting a tensor
operation costs more than the numbers do. Here values may be looked at, so the tree grows best first
(a heap, as in Dijkstra's algorithm), and nothing is computed that could not end up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from operator import mul

from medusa_chat.decoding.host_evidence import HostEvidence
from medusa_chat.decoding.raised_rows import Rows
from medusa_chat.decoding.source import Source
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, Match

_TINY = 1e-35
_ROOT, _LOOKUP, _HEAD, _BIGRAM = map(int, Source)


@dataclass(slots=True)
class Grown:
    """A tree's nodes, the root first, the others best first and so parents before children.

    ``sources`` are ``Source``'s numbers; ``weights`` are of all but the root.
    """

    parents: list[int]
    depths: list[int]
    tokens: list[int]
    sources: list[int]
    weights: list[float]


@dataclass(slots=True)
class Growth:
    """Grows one tree of ``size`` nodes, at most ``depth`` deep; ``odds`` are a chain's by length.

    Some hundred candidates are weighed for a tree of 64 nodes, which is why what is done for each
    stands in one loop and not in functions of their own.
    """

    size: int
    depth: int
    evidence: HostEvidence
    rows: Rows
    odds: Sequence[float]

    def run(self, root: int, match: Match, *, lookup: bool) -> Grown:
        """Return the tree behind ``root``, whose earlier place is ``match``.

        Without ``lookup`` no node begins a chain.
        """
        wanted, deepest, end = self.size - 1, self.depth, self.rows.length
        slot_of = self.rows.slot_of
        parents, depths, tokens, sources = [0], [0], [root], [_ROOT]
        weights: list[float] = []
        # By weight, made negative as the heap wants it, then in the order of finding: the parent's
        # place, the token and its source, the parent's depth, and where the parent stands.
        front: list[tuple[float, int, int, int, int, int, int, int]] = []
        # The weights of the best so far: a candidate has to weigh more than the ``least`` of them.
        best: list[float] = []
        least, found = 0.0, 0
        # Nodes of one depth that stand at the same place have the same children.
        known: dict[tuple[int, int, int], tuple[float, list[tuple[float, int, int]]]] = {}
        weight, place, depth, slot, length = 1.0, 0, 0, match.slot, match.length
        while True:
            offered = known.get((depth, slot, length))
            if offered is None:
                offered = self._children(depth, slot, length, least / weight)
                known[depth, slot, length] = offered
            mass, children = offered
            share = weight / mass
            for own, token, source in children:
                value = own * share
                if value <= least:
                    break  # nor will those after it
                if len(best) < wanted:
                    heappush(best, value)
                    if len(best) == wanted:
                        least = best[0]
                else:
                    heapreplace(best, value)
                    least = best[0]
                found += 1
                heappush(front, (-value, found, place, token, source, depth, slot, length))
            while front:
                negative, _, parent, token, source, depth, slot, length = heappop(front)
                place, depth, weight = len(parents), depth + 1, -negative
                parents.append(parent)
                depths.append(depth)
                tokens.append(token)
                sources.append(source)
                weights.append(weight)
                if place == wanted:
                    return Grown(parents, depths, tokens, sources, weights)
                if depth == deepest or weight <= least:
                    continue  # no child of it would be among the best
                if source == _LOOKUP and slot < end:
                    slot, length = slot + 1, min(length + 1, MOST_MATCHED)
                else:
                    slot = slot_of(token)
                    length = 1 if lookup and slot else 0
                break
            else:
                return Grown(parents, depths, tokens, sources, weights)

    def _children(
        self, depth: int, slot: int, length: int, least: float
    ) -> tuple[float, list[tuple[float, int, int]]]:
        """Return what may follow a node at ``depth``, the likeliest first, and their whole weight.

        Of a node that weighs 1 only those are worth a place that weigh more than ``least``.
        """
        level = self.evidence.level(depth)
        row = level.rows.of(slot)
        ids, guess_ids = row.ids, level.guess_ids
        own = row.read(level.chances)
        # Of the whole vocabulary the row's tokens weigh more than before, none less.
        raised = list(map(mul, own, row.factors))
        mass = 1.0 + sum(raised) - sum(own)
        children: list[tuple[float, int, int]] = []
        if length:
            odds, rise = self.odds[length], 0.0
            if not self.evidence.is_noisy:
                rise = odds * mass
            elif not row.is_unknown:
                sure = min(self.evidence.chance(depth, row.follower) * row.factors[0], 1.0)
                rise = raised[0] * odds / max(sure, _TINY)
            mass += rise
            if not row.is_unknown:
                rise += raised[0]
                raised[0] = 0.0
            if rise > least * mass:
                children.append((rise, row.follower, _LOOKUP))
        limit = least * mass
        children += [
            (more, token, _HEAD if token in guess_ids else _BIGRAM)
            for more, token in zip(raised, ids, strict=True)
            if more > limit
        ]
        for guess, token in zip(level.guesses, guess_ids, strict=True):
            if guess <= limit:
                break
            if token not in ids:
                children.append((guess, token, _HEAD))
        children.sort(reverse=True)
        return mass, children
