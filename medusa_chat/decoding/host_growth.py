"""The mixed tree on a CPU: the same nodes as ``MixedTree.grow`` finds, in a fifth of the time.

A tree is hundreds of operations on a few numbers each, where what counts is the cost of starting
one: NumPy's is the smallest. And here values may be looked at, so that a frontier keeps only the
nodes that can still have a child in the tree, and growing ends when there are none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medusa_chat.decoding.bigram_table import FLOOR, BigramTable
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, Match

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST, _MOST = -80.0, 80.0
"""Between these an exponential is finite in float32, and so is its inverse."""
_TINY = np.float32(1e-30)


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A tree's nodes but the root, n of them; ``follows`` marks those of chains.

    The best come first, and parents before their children.
    """

    parents: Integers
    depths: Integers
    tokens: Integers
    follows: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the heads and the noise say at each depth, as ``MixedTree.grow`` has it.

    ``scores`` and ``plain`` [D, V]; ``best`` and ``best_ids`` [K, k] are the heads' best of
    ``scores``. ``ranks`` [D, V] gives the place of a token in them, k of any other.
    """

    scores: Floats
    plain: Floats | None
    best: Floats
    best_ids: Integers
    ranks: Integers


def grow_on_host(
    size: int,
    depth_limit: int,
    evidence: Evidence,
    table: BigramTable,
    row_weights: list[float],
    match: Match,
    odds: list[float] | None,
) -> Grown:
    """Return the best ``size`` - 1 nodes; ``odds`` None follows no chains."""
    heads, guesses = evidence.best.shape
    rows, row_lifts = table.ids.numpy(), table.lifts.numpy()
    latest = table.latest.numpy()
    # Nothing is never quite impossible, so that its logarithm is a number.
    chances = None if odds is None else np.maximum(np.array(odds, dtype=np.float32), _TINY)
    last_slot, width = table.length, table.row_tokens
    weights = np.zeros(1, dtype=np.float32)
    slots, lengths = np.array([match.slot]), np.array([match.length])
    places = np.zeros(1, dtype=np.int64)  # of the frontier's nodes, in the order of finding
    found: list[tuple[Floats, Integers, Integers, Bools]] = []
    counts: list[int] = []
    threshold, total_found = -np.inf, 0
    for depth in range(depth_limit):
        ids = rows.take(slots, 0)
        lifts = row_lifts.take(slots, 0)
        lifts *= row_weights[depth]
        own = evidence.scores[depth].take(ids)
        raised = own + lifts
        # Of the whole vocabulary, the row's tokens weigh more than before, none less.
        if row_weights[depth] * -FLOOR < _MOST:
            total = np.log1p(_sums(np.exp(raised) - np.exp(own)))
        else:
            most = max(0.0, float(raised.max()))
            mass = np.exp(np.float32(-most)) + _sums(np.exp(raised - most) - np.exp(own - most))
            total = np.log(np.maximum(mass, _TINY)) + most
        if chances is not None:
            before, chance = raised[:, 0], chances.take(lengths)
            if evidence.plain is None:
                raised[:, 0] = np.logaddexp(before, np.log(chance) + total)
                total += np.log1p(chance)
            else:
                sure = np.minimum(evidence.plain[depth].take(ids[:, 0]) + lifts[:, 0], 0)
                rise = chance * np.exp(-np.maximum(sure, _LEAST))
                risen = np.exp(before - total) * rise
                raised[:, 0] = before + np.log1p(rise)
                total += np.log1p(risen)
        children = raised
        frontier = slots.shape[0]
        if depth < heads:
            # A column more takes the marks of those that are not among the head's best.
            children = np.empty((frontier, width + guesses + 1), dtype=np.float32)
            children[:, :width] = raised
            children[:, width:-1] = evidence.best[depth]
            children[
                np.arange(frontier)[:, None], evidence.ranks[depth].take(ids) + width
            ] = -np.inf
            children[:, -1] = -np.inf
        # Rounding never lifts a child above its parent.
        children -= total[:, None]
        np.minimum(children, 0, out=children)
        children += weights[:, None]
        flat = children.ravel()
        chosen = np.flatnonzero(flat > threshold)
        if chosen.shape[0] > size - 1:
            of_chosen = flat.take(chosen)
            chosen = chosen.take(np.argpartition(-of_chosen, size - 2)[: size - 1])
        if chosen.shape[0] == 0:
            break
        weights = flat.take(chosen)
        order = np.argsort(-weights)
        weights, chosen = weights.take(order), chosen.take(order)
        each = children.shape[1]
        parents, columns = np.divmod(chosen, each)
        tokens = ids[parents, np.minimum(columns, width - 1)].astype(np.int64)
        if depth < heads:
            by_head = np.flatnonzero(columns >= width)
            tokens[by_head] = evidence.best_ids[depth].take(columns.take(by_head) - width)
        chain = lengths.take(parents)
        follows = (columns == 0) & (chain > 0)
        found.append((weights, places.take(parents), tokens, follows))
        counts.append(weights.shape[0])
        places = np.arange(total_found + 1, total_found + 1 + weights.shape[0])
        total_found += weights.shape[0]
        if total_found >= size - 1:
            of_all = np.concatenate([one[0] for one in found])
            of_all.partition(total_found - size + 1)
            threshold = of_all[total_found - size + 1]
            alive = int(np.count_nonzero(weights > threshold))
            if alive == 0:
                break
            # The best come first, so those that may still have children do.
            weights, places = weights[:alive], places[:alive]
            parents, tokens = parents[:alive], tokens[:alive]
            chain, follows = chain[:alive], follows[:alive]
        next_slots = latest.take(tokens)
        if chances is None:
            slots, lengths = next_slots, np.zeros_like(next_slots)
            continue
        slot = slots.take(parents)
        further = follows & (slot < last_slot)
        slots = np.where(further, slot + 1, next_slots)
        lengths = np.where(further, np.minimum(chain + 1, MOST_MATCHED), next_slots > 0)
    return _best(found, counts, size)


def _sums(rows: Floats) -> Floats:
    sums: Floats = np.add.reduce(rows, 1)
    return sums


def _best(
    found: list[tuple[Floats, Integers, Integers, Bools]], counts: list[int], size: int
) -> Grown:
    weights = np.concatenate([one[0] for one in found])
    kept = np.argsort(-weights, kind="stable")[: size - 1]
    place = np.zeros(weights.shape[0] + 1, dtype=np.int64)
    place[kept + 1] = np.arange(1, kept.shape[0] + 1)
    parents = np.concatenate([one[1] for one in found]).take(kept)
    return Grown(
        parents=place.take(parents),
        depths=np.repeat(np.arange(1, len(counts) + 1), counts).take(kept),
        tokens=np.concatenate([one[2] for one in found]).take(kept),
        follows=np.concatenate([one[3] for one in found]).take(kept),
    )


def as_tensors(grown: Grown) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return parents, depths, ranks, tokens and mask [N, N], all with the root before them."""
    size = grown.parents.shape[0] + 1
    table = np.zeros((4, size), dtype=np.int64)
    table[0, 1:], table[1, 1:], table[3, 1:] = grown.parents, grown.depths, grown.tokens
    parents = table[0]
    # A node's rank is the number of its elder siblings; they are in the order of their weights.
    by_parent = np.argsort(grown.parents, kind="stable")
    of_parent = grown.parents.take(by_parent)
    first = np.searchsorted(of_parent, of_parent)
    table[2, 1 + by_parent] = np.arange(size - 1) - first
    mask = np.zeros((size, size), dtype=np.bool_)
    every = np.arange(size)
    ancestor = every
    mask[every, every] = True
    for _ in range(int(grown.depths.max())):
        ancestor = parents.take(ancestor)
        mask[every, ancestor] = True
    tensors = torch.from_numpy(table)
    return tensors[0], tensors[1], tensors[2], tensors[3], torch.from_numpy(mask)
