"""Drafting: the heads' guesses, laid out as a tree behind the root."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.tree import Tree

HeadLogits = Callable[[Tensor, int, Tensor], Tensor]
"""(hidden [1, H], D, root [1]) -> logits [D, W] of the first D heads, behind that root.

They are of the W tokens that the heads know (``HeadVocabulary``), which are often all.
"""


class TreeShape(Protocol):
    """Which tree a step has: the same each time, or one grown from the heads' probabilities."""

    @property
    def size(self) -> int:
        """Nodes of a step, the root included."""

    @property
    def depth(self) -> int:
        """Heads that it takes; 0 is plain decoding, and no head is evaluated."""

    @property
    def guesses(self) -> int:
        """Guesses that it takes of each head, k."""

    def grow(self, log_probs: Tensor) -> Tree:
        """Return the step's tree for ``log_probs`` [D, k], each row descending."""


class Drafter:
    """Fills the trees of one reply with the heads' guesses.

    At a temperature the guesses for a position are ranked by head logit / T plus that position's
    noise: the model's own draw will use the same noise, so a token that it favours is likelier to
    be drawn.
    """

    def __init__(
        self,
        shape: TreeShape,
        head_logits: HeadLogits,
        vocabulary: HeadVocabulary,
        temperature: float,
    ) -> None:
        self._shape = shape
        self._head_logits = head_logits
        self._vocabulary = vocabulary
        self._temperature = temperature
        self._no_guesses = torch.zeros(0, 0)

    def draft(self, root: int, hidden: Tensor, noise: Tensor | None) -> Draft:
        """Return the tree behind ``root``, guessed from ``hidden`` [1, H] of the token before it.

        ``noise`` [D or more, V] is that of the positions after the root's, or None when greedy.
        """
        return self.draft_on_device(torch.tensor([root], device=hidden.device), hidden, noise)

    def draft_on_device(self, root: Tensor, hidden: Tensor, noise: Tensor | None) -> Draft:
        """Return ``draft`` behind the ``root`` [1], by operations that a CUDA graph can hold."""
        depth, guesses = self._shape.depth, self._shape.guesses
        if depth == 0:
            return Draft(self._shape.grow(self._no_guesses), root)
        vocabulary = self._vocabulary
        scores = self._head_logits(hidden, depth, root).float()
        if guesses > vocabulary.width:  # the last of them are tokens that no head knows
            scores, vocabulary = vocabulary.whole(scores), HeadVocabulary(vocabulary.vocabulary)
        if noise is not None:
            scores = scores / self._temperature + vocabulary.part(noise[:depth])
        best = scores.topk(guesses, dim=-1)
        # Probabilities of the whole vocabulary: over the k kept alone, deep heads look too sure.
        log_probs = best.values - scores.logsumexp(-1, keepdim=True)
        return fill(self._shape.grow(log_probs), root, vocabulary.ids(best.indices), log_probs)


def fill(tree: Tree, root: int | Tensor, guesses: Tensor, log_probs: Tensor | None = None) -> Draft:
    """Give each node of ``tree`` its token: the root's, or a rank of its head's ``guesses`` [D, k].

    On the device a ``root`` is [1]. As in the reference, a node's token is found in the list root,
    guesses of head 0, of head 1 ...
    """
    if isinstance(root, int):
        root = guesses.new_full((1,), root)
    flat = torch.cat([root, guesses.flatten()])
    index = 1 + (tree.depths - 1) * guesses.shape[-1] + tree.ranks
    index[:1].fill_(0)
    return Draft(tree, flat[index], log_probs=log_probs)
