"""The mixed tree on a GPU: a depth at a time, in few operations, whose shapes are fixed.

A value is never read back, so all is done for every node of a depth: each offers the tokens of its
row in the table and the head's best, the best of them all are the next frontier, and the best of
all depths are the tree. What counts is the number of operations, since each is a kernel of a
microsecond or two, whatever it does. F frontier, W tokens of a row, k guesses of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import FLOOR, BigramTable
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED

_MOST = 80.0
"""The exponential of this is finite, whatever it is multiplied with."""
_TINY = 1e-35
CHAINS = 32
"""A state is a node's slot times this, plus the length of its chain, which may outgrow what odds
are counted for by as much as the tree is deep."""


@dataclass(frozen=True, slots=True)
class Grown:
    """The nodes found at every depth, the root left out, those of a depth in no order.

    ``parents`` counts the root as 0 and the nodes from 1; ``follows`` marks those of chains.
    """

    weights: Tensor
    parents: Tensor
    depths: Tensor
    tokens: Tensor
    follows: Tensor


def grow_on_device(
    size: int,
    row_weights: list[float],
    probs: Tensor,
    plain: Tensor | None,
    best: Tensor,
    best_ids: Tensor,
    table: BigramTable,
    root_state: Tensor,
    odds: Tensor,
    table_length: Tensor | int,
    layout: Tensor,
    *,
    lookup: bool,
) -> Grown:
    """Return the best ``size`` - 1 nodes of each depth, of as many depths as ``row_weights``.

    ``probs`` and ``plain`` [D, V] are as in ``MixedTree.grow``, ``best`` and ``best_ids`` [K, k]
    the heads' guesses, ``root_state`` [1] the root's; ``layout`` is from ``layout_of``.
    """
    device, depth_limit = probs.device, len(row_weights)
    assert depth_limit < CHAINS - MOST_MATCHED, "a chain's length fits into a state"
    odds = torch.cat([odds, odds[-1:].expand(CHAINS - 1 - MOST_MATCHED)])
    # Of a chain's node: what is left for all tokens, and what the one that followed gets.
    left = (odds + 1).reciprocal()
    shares = torch.stack([left, odds * left], 1)
    # A chain begins anew at every token that was said before.
    latest = table.latest * CHAINS
    if lookup:
        latest = latest + table.latest.clamp(max=1)
    rises = {weight: _rises(table.lifts, weight) for weight in set(row_weights)}
    weights = torch.ones(1, 1, device=device)
    states, end = root_state, table_length * CHAINS
    of_depth: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for depth, row_weight in enumerate(row_weights):
        slots = states // CHAINS
        ids = table.ids.index_select(0, slots)
        frontier, width = ids.shape
        rise = rises[row_weight].index_select(0, slots)
        own = probs[depth].index_select(0, ids.view(-1)).view(frontier, width)
        # Of the whole vocabulary the row's tokens weigh more than before, none less.
        gain = own * rise
        mass = gain.sum(1, keepdim=True).add_(1)
        raised = own + gain
        chains = states % CHAINS
        if plain is None:
            share = shares.index_select(0, chains) * weights
            scale = share[:, :1] / mass
            children = raised * scale
            children[:, :1].add_(share[:, 1:])
        else:
            sure = plain[depth].index_select(0, ids[:, 0])[:, None]
            sure = torch.addcmul(sure, sure, rise[:, :1]).clamp_(_TINY, 1)
            # Odds / p is by how much the weight of the token that followed rises.
            more = raised[:, :1] * odds.index_select(0, chains)[:, None] / sure
            raised[:, :1].add_(more)
            scale = weights / mass.add_(more)
            children = raised * scale
        if depth < best.shape[0]:
            guesses = best_ids[depth]
            there = (ids[:, :, None] == guesses).any(1)
            of_head = torch.where(there, -1, best[depth] * scale)
            children = torch.cat([children, of_head], 1)
            ids = torch.cat([ids, guesses.expand(frontier, -1)], 1)
        # Rounding never lifts a child above its parent.
        children = torch.minimum(children, weights)
        each = children.shape[1]
        chosen = children.view(-1).topk(min(size - 1, children.numel()), sorted=False)
        places = chosen.indices
        parents = places // each
        tokens = ids.view(-1).index_select(0, places)
        state = states.index_select(0, parents)
        follows = places % each == 0
        if lookup:
            follows &= state > 0
        else:
            follows = torch.zeros_like(follows)
        of_depth.append((chosen.values, parents, tokens, follows))
        if depth + 1 == depth_limit:
            break
        weights = chosen.values[:, None]
        states = latest.index_select(0, tokens)
        if lookup:
            # One slot further, and one token longer.
            states = torch.where(follows & (state < end), state + (CHAINS + 1), states)
    depths, firsts = layout.unbind(0)
    parts = [torch.cat(part) for part in zip(*of_depth, strict=True)]
    return Grown(parts[0], parts[1] + firsts, depths, parts[2].long(), parts[3])


def layout_of(size: int, children: list[int], device: torch.device) -> Tensor:
    """Return of each node found its depth, and where its parent's depth begins, [2, n].

    A node offers so many ``children`` [D], by depth.
    """
    counts = [1]
    for each in children:
        counts.append(min(size - 1, counts[-1] * each))
    depths = [depth for depth, count in enumerate(counts) for _ in range(count)][1:]
    begin = [0, *(sum(counts[:depth]) for depth in range(len(children)))]
    return torch.tensor([depths, [begin[depth] for depth in depths]], device=device)


def _rises(lifts: Tensor, row_weight: float) -> Tensor:
    """Return by how much the weight of each token of each row rises, as a share of itself."""
    rises = lifts * row_weight
    if row_weight * -FLOOR > _MOST:
        rises.clamp_(max=_MOST)
    return rises.expm1_()
