"""A tree grown from all sources, a depth at a time: heads, bigram table, and suffix chains.

What may follow a node depends on its token, so unlike the heads' own tree this one cannot be laid
out beforehand. At each depth every node of the frontier offers its likeliest children: those of the
head and those of the row that the table has for the node's context, mixed log-linearly over the
whole vocabulary, and the token of its suffix chain, whose measured chance is mixed in linearly. The
best of them all are the next frontier, and the best of all depths are the tree. Fixed shapes, no
value read back by the host. N nodes, D depth, K heads, F frontier, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.bigram_table import ROW_TOKENS, BigramTable
from medusa_chat.decoding.device_growth import CHAINS, Grown, grow_on_device, layout_of
from medusa_chat.decoding.host_evidence import HostEvidence
from medusa_chat.decoding.host_growth import Growth
from medusa_chat.decoding.host_tree import HostTrees
from medusa_chat.decoding.raised_rows import Rows
from medusa_chat.decoding.source import Source
from medusa_chat.decoding.suffix_lookup import Match
from medusa_chat.decoding.tree import Tree

_GUESSES = 40


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
        # Where no head guesses, all tokens are alike; the other rows are a step's.
        self.plain = torch.full((self.depth, vocabulary), 1 / vocabulary, device=device)
        """The heads' probabilities [D, V] of the step that is drafted."""
        of_row = min(ROW_TOKENS, vocabulary)
        children = [of_row + self.guesses] * self.heads + [of_row] * (self.depth - self.heads)
        self._layout = layout_of(size, children, device)
        self._host_trees = HostTrees(self.depth)

    def grow(
        self,
        probs: Tensor,
        plain: Tensor | None,
        table: BigramTable,
        row_weights: list[float],
        slots: Tensor,
        lengths: Tensor,
        odds: Tensor,
        table_length: Tensor | int,
    ) -> Draft:
        """Return the draft, but for the token of its root, which is left 0.

        ``probs`` [D, V] are the heads' probabilities with the positions' noise in them,
        ``plain`` [D, V] those without when they differ; a depth that has no head has the noise
        alone. ``row_weights`` [D] is how much a row of the table counts. ``slots`` [1] and
        ``lengths`` [1] are the root's match, and ``odds`` [17] a chain's by its length. The
        ``table_length`` is given apart: a CUDA graph reads it on the device.
        """
        best = probs[: self.heads].topk(self.guesses)
        best_ids = best.indices.int()
        states = slots * CHAINS + lengths
        grown = grow_on_device(
            self.size,
            row_weights[: self.depth],
            probs,
            plain,
            best.values,
            best_ids,
            table,
            states,
            odds,
            table_length,
            self._layout,
            lookup=self.lookup,
        )
        return self._best(grown, best_ids)

    def grow_on_host(
        self, root: int, evidence: HostEvidence, rows: Rows, match: Match, odds: Sequence[float]
    ) -> Draft:
        """Return what ``grow`` would on a CPU, the token of its ``root`` included.

        Its tensors lie where those of the next draft will.
        """
        growth = Growth(self.size, self.depth, evidence, rows, odds)
        grown = growth.run(root, match, lookup=self.lookup)
        return self._host_trees.draft(grown)

    def _best(self, grown: Grown, best_ids: Tensor) -> Draft:
        """Keep the best nodes of all depths, the best first.

        Among equals those of smaller depth, so parents come before their children, and the first n
        nodes are the tree of n nodes.
        """
        best = grown.weights.sort(descending=True, stable=True)
        order = best.indices[: self.size - 1]
        kept = functional.pad(order + 1, (1, 0))
        size = kept.shape[0]
        numbers = torch.arange(size, device=kept.device)
        place = torch.zeros(grown.weights.shape[0] + 1, dtype=torch.long, device=kept.device)
        place.index_copy_(0, kept, numbers)
        of_kept = torch.stack([grown.parents, grown.depths, grown.tokens, grown.follows])
        of_kept = functional.pad(of_kept.index_select(1, order), (1, 0))
        parents, depths, tokens, follows = of_kept.unbind(0)
        parents = place.index_select(0, parents)
        lineage = [numbers, parents]
        for _ in range(self.depth - 1):
            lineage.append(parents.index_select(0, lineage[-1]))
        mask = torch.zeros(size, size, dtype=torch.bool, device=kept.device)
        mask.scatter_(1, torch.stack(lineage, 1), True)
        siblings = (parents[:, None] == parents).tril_(-1)
        siblings[:, 0].fill_(False)
        ranks = siblings.sum(1)
        guessed = functional.pad(best_ids, (0, 0, 1, self.depth - self.heads), value=-1)
        by_head = (guessed.index_select(0, depths) == tokens[:, None]).any(1)
        sources = torch.where(by_head, int(Source.HEAD), int(Source.BIGRAM))
        sources = torch.where(follows > 0, int(Source.LOOKUP), sources)
        sources[:1].fill_(int(Source.ROOT))
        tree = Tree(parents, depths, ranks, mask, self.depth)
        return Draft(tree, tokens, sources, best.values[: self.size - 1])
