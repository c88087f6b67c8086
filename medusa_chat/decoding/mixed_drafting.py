"""Drafting from all sources: the heads, the bigram table, and the conversation's own text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.history import History
from medusa_chat.decoding.host_evidence import HostEvidence
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.suffix_lookup import Match

# Of a row's logarithms beside the head's whole. Together more than 1: where both agree they are
# surer than either is. By replay the best of 11 pairs on the built-in model, at 8 and at 16 nodes;
# 0.65 and 0.35 reach 5% less there.
_ROW_WEIGHT = 0.3


class MixedDrafter:
    """Grows the trees of one reply from the heads' guesses and from ``history``."""

    def __init__(
        self,
        shape: MixedTree,
        head_logits: HeadLogits,
        vocabulary: HeadVocabulary,
        temperature: float,
        history: History,
    ) -> None:
        self._shape = shape
        self._head_logits = head_logits
        self._vocabulary = vocabulary
        self._temperature = temperature
        self._history = history
        self._match = Match(0, 0)
        self._root = 0
        self._evidence: HostEvidence | None = None
        self._root_token = torch.zeros(1, dtype=torch.long)
        self._root_place = self._root_token.numpy()

    @torch.inference_mode()
    def draft(self, root: int, hidden: Tensor, noise: Tensor | None) -> Draft:
        """Return the tree behind ``root``, guessed from ``hidden`` [1, H] of the token before it.

        ``noise`` [D or more, V] is that of the positions after the root's, or None when greedy.
        """
        if self._shape.lookup:
            self._root, self._match = root, self._history.lookup.match(root)
        grow = self._grow_on_host if hidden.is_cpu else self._grow_on_device
        return grow(root, hidden, noise)

    def _row_weights(self, *, greedy: bool) -> list[float]:
        scale = 1.0 if greedy else 1 / self._temperature
        without_head = self._shape.depth - self._shape.heads
        return [scale * _ROW_WEIGHT] * self._shape.heads + [scale] * without_head

    def _grow_on_host(self, root: int, hidden: Tensor, noise: Tensor | None) -> Draft:
        rows, match, shape = self._history.recent, self._match, self._shape
        rows.root = root
        if not shape.lookup:
            match = Match(rows.slot_of(root), 0)
        evidence = self._evidence
        if evidence is None:
            evidence = self._evidence = self._made_evidence(greedy=noise is None)
        logits = None
        if shape.heads:
            self._root_place[0] = root
            logits = self._head_logits(hidden, shape.heads, self._root_token)
        evidence.begin(logits, noise)
        return shape.grow_on_host(root, evidence, rows, match, self._history.acceptance.odds())

    def _made_evidence(self, *, greedy: bool) -> HostEvidence:
        shape, vocabulary = self._shape, self._vocabulary
        scale = 1.0 if greedy else 1 / self._temperature
        raised = self._history.raised_rows
        head_rows = raised(scale * _ROW_WEIGHT, vocabulary.host_columns)
        text_rows = raised(scale, range(vocabulary.vocabulary))
        return HostEvidence(
            shape.heads, shape.guesses, vocabulary, self._temperature, head_rows, text_rows
        )

    def _probs(
        self, root: Tensor, hidden: Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the probabilities [D, V] with the noise in them, and those without it."""
        shape, plain = self._shape, self._shape.plain
        logits: Tensor | None = None
        if shape.heads:
            of_heads = self._head_logits(hidden, shape.heads, root).float()
            logits = self._vocabulary.whole(of_heads)
            if noise is not None:
                logits = logits / self._temperature
            torch.softmax(logits, -1, out=plain[: shape.heads])
        if noise is None:
            return plain, None
        scores = noise[: shape.depth]
        if logits is not None:
            scores = scores.clone()
            scores[: shape.heads].add_(logits)
        return scores.softmax(-1), plain

    def _grow_on_device(self, root: int, hidden: Tensor, noise: Tensor | None) -> Draft:
        self._history.settle()
        self._history.table.put_root(root)
        table = self._history.table
        on_device = table.tokens[table.length, None]
        probs, plain = self._probs(on_device, hidden, noise)
        row_weights = self._row_weights(greedy=noise is None)
        device = probs.device
        slots = table.latest[on_device]
        lengths = torch.zeros_like(slots)
        if self._shape.lookup:
            slots = torch.tensor([self._match.slot], device=device)
            lengths = torch.tensor([self._match.length], device=device)
        odds = torch.tensor(self._history.acceptance.odds(), device=device)
        draft = self._shape.grow(
            probs, plain, table, row_weights, slots, lengths, odds, table.length
        )
        draft.tokens[0] = root
        return draft

    def draft_on_device(
        self,
        root: Tensor,
        hidden: Tensor,
        noise: Tensor | None,
        match: tuple[Tensor, Tensor],
        odds: Tensor,
        table_length: Tensor,
    ) -> Draft:
        """Return ``draft`` by operations that a CUDA graph can hold.

        The table has to know the ``root`` [1]; ``match`` is its slot [1] and length [1].
        """
        table, (slots, lengths) = self._history.table, match
        probs, plain = self._probs(root, hidden, noise)
        if not self._shape.lookup:
            slots, lengths = table.latest.index_select(0, root), torch.zeros_like(root)
        row_weights = self._row_weights(greedy=noise is None)
        draft = self._shape.grow(
            probs, plain, table, row_weights, slots, lengths, odds, table_length
        )
        draft.tokens[:1] = root
        return draft

    def learn(self, tokens: Sequence[int], logits: Tensor, root: int) -> None:
        """Take in what the last draft came to: the accepted ``tokens`` and the ``root`` after them.

        ``logits`` [n, V] are the model's after each of ``tokens``.
        """
        if self._shape.lookup:
            self._history.count_chain(self._match, self._root, [*tokens[1:], root])
        self._history.add(tokens, logits)


def depth_for(size: int, heads: int) -> int:
    """Return how deep a tree of ``size`` nodes may grow.

    Chains go on where heads end, though a small tree seldom has room for it.
    """
    longest = heads + 4 if heads else 8
    return min(size - 1, longest, 4 + int(math.log2(size)) // 2)
