"""A tree grown from all sources, a depth at a time: heads, bigram table, and suffix chains.

What may follow a node depends on its token, so unlike the heads' own tree this one cannot be laid
out beforehand. At each depth every node of the frontier offers its likeliest children: those of the
head and those of the row that the table has for the node's context, mixed log-linearly over the
whole vocabulary, and the token of its suffix chain, whose measured chance is mixed in linearly. The
best of them all are the next frontier, and the best of all depths are the tree. Fixed shapes, no
value read back by the host. N nodes, D depth, K heads, F frontier, V vocabulary.
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor

from medusa_chat.decoding.bigram_table import BigramTable
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED
from medusa_chat.decoding.tree import Tree

_GUESSES = 32
_LEAST = -80.0
"""Probabilities are held above this, that their inverse is finite."""


class Source(IntEnum):
    """Where a node's token came from. Of several that guessed it, the first of these is named."""

    ROOT = 0
    LOOKUP = 1
    HEAD = 2
    BIGRAM = 3


class MixedTree:
    """The shape of trees of ``size`` nodes, the root included, at most ``depth`` deep.

    The first ``heads`` depths have a head's guesses; without any, the conversation's own text is
    the only source. With ``lookup`` suffix chains are followed, otherwise a node's row is that of
    its own token alone.
    """

    def __init__(
        self,
        size: int,
        depth: int,
        heads: int,
        vocabulary: int,
        device: torch.device,
        *,
        lookup: bool = True,
    ) -> None:
        self.size = size
        self.depth = min(depth, size - 1)
        self.heads = min(heads, self.depth)
        self.lookup = lookup
        self.guesses = min(_GUESSES, size - 1, vocabulary)
        # The rank that each head gives a token, or ``guesses`` when it is not among the best.
        self._ranks = torch.full(
            (self.depth, vocabulary), self.guesses, dtype=torch.long, device=device
        )
        self._numbers = torch.arange(max(self.guesses, size), device=device)

    def grow(
        self,
        scores: Tensor,
        plain: Tensor | None,
        table: BigramTable,
        row_weights: list[float],
        slots: Tensor,
        lengths: Tensor,
        odds: Tensor,
    ) -> tuple[Tree, Tensor, Tensor]:
        """Return the tree, its tokens [N] but the root's, left 0, and its sources [N].

        ``scores`` [D, V] are the heads' log-probabilities with the positions' noise in them,
        ``plain`` [D, V] those without when they differ; a depth that has no head has the noise
        alone. ``row_weights`` [D] is how much a row of the table counts. ``slots`` [1] and
        ``lengths`` [1] are the root's match, and ``odds`` [17] a chain's by its length.
        """
        device, guesses, heads = scores.device, self.guesses, self.heads
        best = scores[:heads].topk(guesses)
        self._ranks[:heads].scatter_(1, best.indices, self._numbers[:guesses].expand(heads, -1))
        weights = torch.zeros(1, device=device)
        pooled: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        offset = 0
        width = table.row_tokens
        for depth in range(self.depth):
            look = table.tokens[slots, None]
            ids = torch.cat([table.ids[slots], look], 1)
            own = scores[depth].take(ids)
            lifts = table.lifts[slots].float() * row_weights[depth]
            same = ids[:, :width] == look
            raised = own[:, :width] + lifts
            look_lift = (lifts * same).sum(1, keepdim=True)
            before = own[:, width:] + look_lift
            highest = raised.amax(1, keepdim=True).clamp_(min=0)
            # All of the vocabulary, less the row's tokens as they were, and as they are now.
            mass = torch.exp(-highest) + (
                torch.exp(raised - highest) - torch.exp(own[:, :width] - highest)
            ).sum(1, keepdim=True)
            total = mass.clamp_(min=1e-30).log_() + highest
            sure = before - total
            if plain is not None:
                sure = plain[depth].take(look) + look_lift
            # The chain's chance beside p: odds / p is by how much its weight rises, p's own less.
            added = torch.log1p(odds[lengths, None] * torch.exp(-sure.clamp(_LEAST, 0)))
            chained = before + added
            total = torch.logaddexp(total, chained + torch.log(-torch.expm1(-added)))
            raised = raised.masked_fill_(same, -torch.inf)
            parts, tokens = [raised, chained], [ids]
            if depth < heads:
                taken = torch.zeros(
                    (slots.shape[0], guesses + 1), dtype=torch.bool, device=device
                ).scatter_(1, self._ranks[depth].take(ids), True)
                of_head = torch.where(taken[:, :guesses], -torch.inf, best.values[depth])
                parts.append(of_head)
                tokens.append(best.indices[depth].expand(slots.shape[0], -1))
            children = torch.cat(parts, 1) - total
            children = children.clamp_(max=0) + weights[:, None]
            each = children.shape[1]
            chosen = children.flatten().topk(min(self.size - 1, children.numel()))
            weights = chosen.values
            parents = chosen.indices // each
            columns = chosen.indices - parents * each
            token = torch.cat(tokens, 1).flatten()[chosen.indices]
            follows = columns == width
            pooled.append((weights, parents + offset, token, follows))
            offset += 1 if depth == 0 else pooled[-2][0].shape[0]
            if depth + 1 == self.depth:
                break
            latest = table.latest[token]
            if self.lookup:
                before_slot = slots[parents]
                further = (before_slot > 0) & (before_slot < table.length) & follows
                slots = torch.where(further, before_slot + 1, latest)
                lengths = torch.where(
                    further, (lengths[parents] + 1).clamp_(max=MOST_MATCHED), (slots > 0).long()
                )
            else:
                slots, lengths = latest, torch.zeros_like(latest)
        result = self._best(pooled, device)
        self._ranks[:heads].scatter_(1, best.indices, guesses)
        return result

    def _best(
        self, pooled: list[tuple[Tensor, Tensor, Tensor, Tensor]], device: torch.device
    ) -> tuple[Tree, Tensor, Tensor]:
        """Keep the best nodes of all depths; parents come first, so their tree is closed."""
        root = torch.zeros(1, dtype=torch.long, device=device)
        weights = torch.cat([one[0] for one in pooled])
        parents = torch.cat([root, *(one[1] for one in pooled)])
        tokens = torch.cat([root, *(one[2] for one in pooled)])
        follows = torch.cat([root.bool(), *(one[3] for one in pooled)])
        depths = torch.cat(
            [root, *(root.expand(one[0].shape) + d for d, one in enumerate(pooled, start=1))]
        )
        order = torch.sort(weights, descending=True, stable=True).indices[: self.size - 1]
        kept = torch.cat([root, torch.sort(order).values + 1])
        size = kept.shape[0]
        place = torch.zeros_like(parents)
        place[kept] = self._numbers[:size]
        parents, tokens, depths = place[parents[kept]], tokens[kept], depths[kept]
        lineage = [self._numbers[:size], parents]
        for _ in range(self.depth - 1):
            lineage.append(parents[lineage[-1]])
        mask = torch.zeros(size, size, dtype=torch.bool, device=device)
        mask.scatter_(1, torch.stack(lineage, 1), True)
        siblings = (parents[:, None] == parents).tril_(-1)
        siblings[:, 0] = False
        ranks = siblings.sum(1)
        guessed = self._ranks[depths - 1, tokens] < self.guesses
        sources = torch.where(guessed, int(Source.HEAD), int(Source.BIGRAM))
        sources = torch.where(follows[kept], int(Source.LOOKUP), sources)
        sources[0] = int(Source.ROOT)
        return Tree(parents, depths, ranks, mask, self.depth), tokens, sources
