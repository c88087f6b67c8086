"""Which of a step's guesses are right: the path of the tree that the model agrees with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.tree import Tree


@dataclass(frozen=True, slots=True)
class Draft:
    """A tree with its tokens filled in: ``tokens`` [N] int64, the root's first.

    ``sources`` [N] says where each came from (``mixed_tree.Source``); None is from the heads.
    """

    tree: Tree
    tokens: Tensor
    sources: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The outcome of a step: ``nodes`` from the root down, and the token after the last of them."""

    nodes: list[int]
    next_token: int


def accept_exact(
    parents: Sequence[int], tokens: Sequence[int], choose: Callable[[int], int]
) -> Accepted:
    """Follow the model's own choices from the root for as long as the tree has guessed them.

    ``choose(node)`` is the model's token after that node, drawn once a node and never once a path:
    then what is emitted has the model's own distribution whatever the tree.
    """
    nodes = [0]
    while True:
        chosen = choose(nodes[-1])
        child = _child(parents, tokens, nodes[-1], chosen)
        if child is None:
            return Accepted(nodes, chosen)
        nodes.append(child)


def _child(parents: Sequence[int], tokens: Sequence[int], parent: int, token: int) -> int | None:
    for node in range(parent + 1, len(parents)):
        if parents[node] == parent and tokens[node] == token:
            return node
    return None


@dataclass(frozen=True, slots=True)
class Typical:
    """Medusa's typical acceptance (section 2.3.1): a guess needs to be plausible, not chosen.

    A child is right if p(child | parent) > min(``epsilon``, ``delta`` * exp(-H)), with H the
    entropy of p(. | parent), p at ``temperature``. This changes the distribution of the text.
    """

    temperature: float
    epsilon: float
    delta: float

    def accept(self, draft: Draft, logits: Tensor) -> Accepted:
        """Accept the longest right path for ``logits`` [N, V]; equal lengths go by likelihood.

        The token after it is the likeliest one, as in the paper and the reference.
        """
        tree = draft.tree
        probs = (logits.float() / self.temperature).softmax(-1)
        of_child = probs[tree.parents].gather(-1, draft.tokens[:, None]).squeeze(-1)
        # 1e-5 as in the reference: an underflowed probability has no entropy.
        entropy = -(probs * (probs + 1e-5).log()).sum(-1)
        threshold = torch.clamp(torch.exp(-entropy) * self.delta, max=self.epsilon)
        right = of_child > threshold[tree.parents]
        right[0] = True
        # A node counts if all on its path are right; the mask row of a node is its path.
        alive = (right | ~tree.mask).all(-1)
        depths = torch.where(alive, tree.depths, -1)
        log_likelihood = of_child.log()
        log_likelihood[0] = 0.0
        likelihoods = torch.where(tree.mask, log_likelihood, 0.0).sum(-1)
        longest = depths == depths.max()
        best = int(torch.where(longest, likelihoods, -torch.inf).argmax())
        nodes = tree.mask[best].nonzero().squeeze(-1).tolist()
        return Accepted(nodes, int(logits[best].argmax()))
