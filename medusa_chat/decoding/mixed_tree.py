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
from medusa_chat.decoding.host_growth import Evidence, Growth, Row, as_tensors
from medusa_chat.decoding.suffix_lookup import MOST_MATCHED, Match
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
        assert size > 1, "the root alone needs no source"
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
        table_length: Tensor | int,
    ) -> tuple[Tree, Tensor, Tensor]:
        """Return the tree, its tokens [N] but the root's, left 0, and its sources [N].

        ``scores`` [D, V] are the heads' log-probabilities with the positions' noise in them,
        ``plain`` [D, V] those without when they differ; a depth that has no head has the noise
        alone. ``row_weights`` [D] is how much a row of the table counts. ``slots`` [1] and
        ``lengths`` [1] are the root's match, and ``odds`` [17] a chain's by its length. The
        ``table_length`` is given apart: a CUDA graph reads it on the device.
        """
        device, guesses, heads = scores.device, self.guesses, self.heads
        best = scores[:heads].topk(guesses)
        self._ranks[:heads].scatter_(1, best.indices, self._numbers[:guesses].expand(heads, -1))
        weights = torch.zeros(1, device=device)
        pooled: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        offset = 0
        for depth in range(self.depth):
            ids = table.ids[slots].long()
            own = scores[depth].take(ids)
            lifts = table.lifts[slots] * row_weights[depth]
            raised = own + lifts
            highest = raised.amax(1, keepdim=True).clamp_(min=0)
            # All of the vocabulary, less the row's tokens as they were, and as they are now.
            mass = torch.exp(-highest) + (
                torch.exp(raised - highest) - torch.exp(own - highest)
            ).sum(1, keepdim=True)
            total = mass.clamp_(min=1e-30).log_() + highest
            # The token that followed comes first. Odds / p is by how much its weight rises.
            before = raised[:, :1]
            sure = before - total
            if plain is not None:
                sure = plain[depth].take(ids[:, :1]) + lifts[:, :1]
            added = torch.log1p(odds[lengths, None] * torch.exp(-sure.clamp(_LEAST, 0)))
            chained = before + added
            total = torch.logaddexp(total, chained + torch.log(-torch.expm1(-added)))
            parts, tokens = [chained, raised[:, 1:]], [ids]
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
            token = torch.cat(tokens, 1).flatten()[chosen.indices]
            chain = lengths[parents]
            follows = (chosen.indices == parents * each) & (chain > 0)
            pooled.append((weights, parents + offset, token, follows))
            offset += 1 if depth == 0 else pooled[-2][0].shape[0]
            latest = table.latest[token]
            lengths = torch.zeros_like(latest)
            if self.lookup:
                slot = slots[parents]
                further = follows & (slot < table_length)
                lengths = (latest > 0).long()
                latest = torch.where(further, slot + 1, latest)
                lengths = torch.where(further, (chain + 1).clamp_(max=MOST_MATCHED), lengths)
            slots = latest
        result = self._best(pooled, device)
        self._ranks[:heads].scatter_(1, best.indices, guesses)
        return result

    def grow_on_host(
        self,
        probs: Tensor,
        plain: Tensor | None,
        table: BigramTable,
        row_weights: list[float],
        match: Match,
        odds: list[float],
    ) -> tuple[Tree, Tensor, Tensor]:
        """Return what ``grow`` would, on a CPU; it takes probabilities, not their logarithms."""
        best = probs[: self.heads].topk(self.guesses)
        best_ids: list[list[int]] = best.indices.tolist()
        evidence = Evidence(
            probs=_rows(probs),
            plain=None if plain is None else _rows(plain),
            best=best.values.tolist(),
            best_ids=best_ids,
        )
        growth = Growth(self.size, self.depth, evidence, table, row_weights, odds)
        grown = growth.run(match, lookup=self.lookup)
        sources = [int(Source.ROOT)]
        for depth, token, follows in zip(
            grown.depths[1:], grown.tokens[1:], grown.follows[1:], strict=True
        ):
            if follows:
                sources.append(Source.LOOKUP)
            elif depth <= self.heads and token in best_ids[depth - 1]:
                sources.append(Source.HEAD)
            else:
                sources.append(Source.BIGRAM)
        numbers, mask = as_tensors(grown, sources)
        parents, depths, ranks, tokens, of_sources = numbers.unbind(0)
        return Tree(parents, depths, ranks, mask, self.depth), tokens, of_sources

    def _best(
        self, pooled: list[tuple[Tensor, Tensor, Tensor, Tensor]], device: torch.device
    ) -> tuple[Tree, Tensor, Tensor]:
        """Keep the best nodes of all depths, the best first.

        Among equals those of smaller depth, so parents come before their children, and the first n
        nodes are the tree of n nodes.
        """
        root = torch.zeros(1, dtype=torch.long, device=device)
        weights = torch.cat([one[0] for one in pooled])
        parents = torch.cat([root, *(one[1] for one in pooled)])
        tokens = torch.cat([root, *(one[2] for one in pooled)])
        follows = torch.cat([root.bool(), *(one[3] for one in pooled)])
        depths = torch.cat(
            [root, *(root.expand(one[0].shape) + d for d, one in enumerate(pooled, start=1))]
        )
        order = torch.sort(weights, descending=True, stable=True).indices[: self.size - 1]
        kept = torch.cat([root, order + 1])
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
        siblings[:, 0].fill_(False)
        ranks = siblings.sum(1)
        guessed = self._ranks[depths - 1, tokens] < self.guesses
        sources = torch.where(guessed, int(Source.HEAD), int(Source.BIGRAM))
        sources = torch.where(follows[kept], int(Source.LOOKUP), sources)
        sources[:1].fill_(int(Source.ROOT))
        return Tree(parents, depths, ranks, mask, self.depth), tokens, sources


def _rows(probs: Tensor) -> list[Row]:
    """Return what reads single numbers of each row of ``probs`` [D, V] in a few nanoseconds."""
    return [memoryview(row) for row in probs.numpy()]
