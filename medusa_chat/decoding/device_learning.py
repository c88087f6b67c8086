"""What a step teaches the bigram table, by operations that a CUDA graph can hold.

The same as the table's own ``add`` and ``put_root``. Shapes: n rows of the deepest path that there
can be, of which those behind the accepted ones are written where nothing is read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Walk
from medusa_chat.decoding.bigram_table import FLOOR, BigramTable


def learn(table: BigramTable, length: Tensor, root: Tensor, walk: Walk, logits: Tensor) -> None:
    """Append the accepted tokens of a step with the model's ``logits`` [N, V] after each node.

    The table has ``length`` [1] positions and knows the step's ``root`` [1]; afterwards it knows
    the next one.
    """
    of_path = logits.index_select(0, walk.path)
    numbers = torch.arange(1, walk.path.shape[0] + 1, device=length.device)
    slots = numbers + length
    best = of_path.log_softmax(-1).topk(table.row_tokens)
    ids, lifts = best.indices.int(), best.values.sub(FLOOR).clamp_(min=0)
    ids, lifts = _with_first(ids, lifts, walk.follow.int()[:, None])
    table.ids.index_copy_(0, slots, ids)
    table.lifts.index_copy_(0, slots, lifts)
    table.tokens.index_copy_(0, slots, walk.follow)
    taken = torch.cat([root, walk.follow[:-1]])
    # Of a token that comes more than once the largest slot holds; 0 changes nothing.
    table.latest.scatter_reduce_(0, taken, slots * (numbers <= walk.count), "amax")


def _with_first(ids: Tensor, lifts: Tensor, followed: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows in which what ``followed`` [n, 1] has changed places with the first.

    One that was not among the likeliest takes the place of the last.
    """
    found = ids == followed
    lift = torch.where(found, lifts, 0).sum(1, keepdim=True)
    found[:, -1:] |= ~found.any(1, keepdim=True)
    ids = torch.where(found, ids[:, :1], ids)
    lifts = torch.where(found, lifts[:, :1], lifts)
    ids[:, :1] = followed
    lifts[:, :1] = lift
    return ids, lifts
