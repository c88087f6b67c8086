"""Medusa-1's loss: what each head should have guessed, and how far off it was.

Shapes: B sequences, T positions, n guesses, K heads, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100
"""The label of a token that nothing is learnt from."""

DECAY = 0.8
"""Lambda of the paper's section 2.2.1: head k counts lambda^(k+1), since far guesses are noisy."""

TOP = 5
"""Accuracy is counted among the 1 to TOP likeliest tokens."""


def head_targets(labels: Tensor, heads: int) -> Tensor:
    """Return the token that each head should guess at each position, [K, B, T].

    ``labels`` [B, T] are the tokens themselves, or IGNORED. The base's own output at t is the token
    t + 1, so head k, counted from 0, guesses the token t + 2 + k. Past the end is IGNORED.
    """
    targets = labels.new_full((heads, *labels.shape), IGNORED)
    for head in range(heads):
        shift = head + 2
        targets[head, :, : max(labels.shape[1] - shift, 0)] = labels[:, shift:]
    return targets


def head_weights(heads: int, decay: float) -> tuple[float, ...]:
    """Return what each head's mean cross entropy counts in the sum: ``decay`` ** (k + 1)."""
    return tuple(decay ** (head + 1) for head in range(heads))


def top_hits(logits: Tensor, targets: Tensor) -> Tensor:
    """Return how many ``targets`` [n] are among the 1, 2 ... TOP likeliest of ``logits`` [n, V]."""
    best = logits.topk(min(TOP, logits.shape[-1]), dim=-1).indices
    hits = (best == targets[:, None]).sum(dim=0).cumsum(dim=0)
    return functional.pad(hits, (0, TOP - hits.shape[0]), value=int(hits[-1]))


def mean_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over the targets [...] that are not IGNORED, for ``logits`` [..., V]."""
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)


def medusa_1(logits: Tensor, labels: Tensor, decay: float = DECAY) -> Tensor:
    """Return sum_k decay^(k+1) CE_k for the heads' ``logits`` [K, B, T, V], ``labels`` [B, T].

    The trainer computes the same sum a head at a time, so that a head's logits need not outlive it.
    """
    heads = logits.shape[0]
    targets = head_targets(labels, heads)
    terms = [
        weight * mean_cross_entropy(logits[head], targets[head])
        for head, weight in enumerate(head_weights(heads, decay))
    ]
    return torch.stack(terms).sum()
