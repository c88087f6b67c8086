"""Which of a step's guesses are right: the path of the tree that the model agrees with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medusa_chat.decoding.tree import Tree


@dataclass(frozen=True, slots=True)
class HostNodes:
    """A draft's nodes in plain numbers, an entry each, the root's first."""

    parents: list[int]
    depths: list[int]
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Draft:
    """A tree with its tokens filled in: ``tokens`` [N] int64, the root's first.

    ``sources`` [N] says where each came from (``Source``); None is from the heads.
    How likely it was held is either in ``weights`` [N - 1], of the path down to each node but the
    root, or in ``log_probs`` [D, k], of a node by its depth and rank. ``nodes`` are there where the
    host has made them.
    """

    tree: Tree
    tokens: Tensor
    sources: Tensor | Sequence[int] | None = None
    weights: Tensor | Sequence[float] | None = None
    log_probs: Tensor | None = None
    nodes: HostNodes | None = None

    def host_nodes(self) -> HostNodes:
        """Return the nodes in plain numbers; on a GPU that waits for it."""
        if self.nodes is not None:
            return self.nodes
        tree = self.tree
        return HostNodes(tree.parents.tolist(), tree.depths.tolist(), self.tokens.tolist())


@dataclass(frozen=True, slots=True)
class Accepted:
    """The outcome of a step: ``nodes`` from the root down, and the token after the last of them."""

    nodes: list[int]
    next_token: int


@dataclass(frozen=True, slots=True)
class Walk:
    """The outcome of a step as it lies on the device.

    ``path`` [D + 1] are the accepted nodes from the root down, ``count`` [1] of them, then zeros;
    ``follow`` [D + 1] is the token after each, that of the last being the next root.
    """

    path: Tensor
    follow: Tensor
    count: Tensor


def accept_exact(
    parents: Sequence[int], tokens: Sequence[int], choose: Callable[[int], int]
) -> Accepted:
    """Follow the model's own choices from the root for as long as the tree has guessed them.

    ``choose(node)`` is the model's token after that node, drawn once a node and never once a path:
    then what is emitted has the model's own distribution whatever the tree.
    """
    nodes, last, chosen = [0], 0, choose(0)
    for node in range(1, len(parents)):  # children come after their parents
        if tokens[node] == chosen and parents[node] == last:
            last, chosen = node, choose(node)
            nodes.append(node)
    return Accepted(nodes, chosen)


def walk_exact(draft: Draft, choices: Tensor) -> Walk:
    """Return what ``accept_exact`` does for the model's ``choices`` [N], for a CUDA graph to hold.

    Siblings have different tokens, so the nodes on whose path all are right are one path.
    """
    tree = draft.tree
    wrong = choices.index_select(0, tree.parents) != draft.tokens
    wrong[:1].fill_(False)  # the root is certain
    depths = tree.depths.masked_fill((tree.mask & wrong).any(1), -1)
    path, count, _ = _path_to(depths.argmax(0, keepdim=True), tree)
    return Walk(path, choices.index_select(0, path), count)


def _path_to(node: Tensor, tree: Tree) -> tuple[Tensor, Tensor, Tensor]:
    """Return the path [D + 1] to ``node`` [1], the number [1] of its nodes, and all depths."""
    levels = torch.arange(tree.max_depth + 1, device=node.device)
    numbers = torch.arange(tree.size, device=node.device)
    on_path = tree.mask.index_select(0, node) & (tree.depths == levels[:, None])
    return (on_path * numbers).sum(1), tree.depths.index_select(0, node) + 1, levels


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
        best = int(self._best(draft, logits))
        nodes = draft.tree.mask[best].nonzero().squeeze(-1).tolist()
        return Accepted(nodes, int(logits[best].argmax()))

    def walk(self, draft: Draft, logits: Tensor) -> Walk:
        """Return what ``accept`` does, by operations that a CUDA graph can hold."""
        best = self._best(draft, logits)[None]
        path, count, levels = _path_to(best, draft.tree)
        follow = draft.tokens.index_select(0, path.roll(-1))
        next_token = logits.index_select(0, best).argmax(-1)
        return Walk(path, torch.where(levels + 1 == count, next_token, follow), count)

    def _best(self, draft: Draft, logits: Tensor) -> Tensor:
        """Return the last node [] of the accepted path."""
        tree = draft.tree
        probs = (logits.float() / self.temperature).softmax(-1)
        of_child = probs[tree.parents].gather(-1, draft.tokens[:, None]).squeeze(-1)
        # 1e-5 as in the reference: an underflowed probability has no entropy.
        entropy = -(probs * (probs + 1e-5).log()).sum(-1)
        threshold = torch.clamp(torch.exp(-entropy) * self.delta, max=self.epsilon)
        right = of_child > threshold[tree.parents]
        right[:1].fill_(True)
        # A node counts if all on its path are right; the mask row of a node is its path.
        alive = (right | ~tree.mask).all(-1)
        depths = torch.where(alive, tree.depths, -1)
        log_likelihood = of_child.log()
        log_likelihood[:1].fill_(0.0)
        likelihoods = torch.where(tree.mask, log_likelihood, 0.0).sum(-1)
        longest = depths == depths.max()
        return torch.where(longest, likelihoods, -torch.inf).argmax()
