"""One pass of the heads over a batch: their losses, their hits and, in training, their gradients.

The logits are the bulk: 4 heads x 4,000 positions x 32,000 tokens would be 2 GB in float32, several
times over. So only positions with something to guess are computed, a head at a time, in pieces, and
the gradient of one piece is taken before the logits of the next one are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.logit_pieces import ROWS_AT_ONCE
from medusa_chat.training.losses import IGNORED, TOP, head_targets, top_hits
from medusa_chat.training.precision import Precision

_STEP = 128
"""Pieces have a multiple of so many rows: memory of ever other sizes would be torn to shreds."""


@dataclass(frozen=True, slots=True)
class HeadScores:
    """What K heads achieved, on the CPU, in sums that can be added up over batches.

    ``losses`` [K] sums the cross entropies of ``guesses`` [K] guesses. ``hits`` [K, TOP] counts
    those among the 1, 2 ... TOP likeliest, of ``judged`` [K] guesses: hits need not be counted in
    every batch.
    """

    losses: Tensor
    guesses: Tensor
    hits: Tensor
    judged: Tensor

    @classmethod
    def none(cls, heads: int) -> HeadScores:
        """Return the scores of no guess at all."""
        return cls(
            torch.zeros(heads, dtype=torch.float64),
            torch.zeros(heads, dtype=torch.float64),
            torch.zeros(heads, TOP, dtype=torch.float64),
            torch.zeros(heads, dtype=torch.float64),
        )

    def __add__(self, other: HeadScores) -> HeadScores:
        return HeadScores(
            self.losses + other.losses,
            self.guesses + other.guesses,
            self.hits + other.hits,
            self.judged + other.judged,
        )

    def __mul__(self, factor: float) -> HeadScores:
        return HeadScores(
            self.losses * factor, self.guesses * factor, self.hits * factor, self.judged * factor
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> HeadScores:
        """Return the scores with ``change`` made to each tensor."""
        return HeadScores(
            change(self.losses), change(self.guesses), change(self.hits), change(self.judged)
        )

    @property
    def mean_losses(self) -> list[float]:
        """Mean cross entropy of each head; NaN for one that had nothing to guess."""
        return [float(value) for value in self.losses / self.guesses]

    def accuracy(self, among: int) -> list[float]:
        """Return each head's share of guesses among its ``among`` likeliest tokens."""
        return [float(value) for value in self.hits[:, among - 1] / self.judged]

    def total(self, weights: Sequence[float]) -> float:
        """Return the weighted sum of the heads' mean losses."""
        return float(
            sum(
                weight * loss
                for weight, loss, count in zip(
                    weights, self.mean_losses, self.guesses.tolist(), strict=True
                )
                if count
            )
        )


def head_pass(
    heads: MedusaHeads,
    output: Any,
    hidden: Tensor,
    labels: Tensor,
    precision: Precision,
    *,
    weights: Sequence[float] | None = None,
    counts: Sequence[int] | None = None,
    judge: bool = True,
    roots: Callable[[Tensor], Tensor] | None = None,
) -> HeadScores:
    """Return the scores of ``heads`` on ``hidden`` [B, T, H] for ``labels`` [B, T].

    With ``weights`` [K], the gradient of sum_k weights[k] * mean CE_k is added to the heads'
    ``grad``, which must exist, and to that of ``hidden`` where it is a leaf that learns.
    ``counts`` [K] are the guesses that the means are over, where more batches than this one make
    a step. ``output``, the base's output matrix as a module, serves heads that have none of their
    own; a frozen one is given no gradient. With ``judge``, hits are counted, which takes a fifth
    of a training pass. ``roots`` gives the embeddings [n, H] of the tokens behind positions [n] of
    the flat batch, to heads that see them; where something is to guess, there is such a token.
    """
    learning = weights is not None
    targets = head_targets(labels, heads.count).flatten(1)
    # Nothing follows the last position, so that no head has anything to guess there.
    filler = labels.shape[1] - 1
    wanted = _padded((targets != IGNORED).any(dim=0).nonzero()[:, 0], filler)
    targets = targets[:, wanted]
    with torch.set_grad_enabled(learning), precision.autocast(hidden.device):
        read = hidden.flatten(0, 1)[wanted]
        if roots is not None:
            read = heads.rooted(read, roots(wanted))
        inputs = heads.blocks(read, heads.count)
    scores = HeadScores.none(heads.count)
    size = ROWS_AT_ONCE[hidden.device.type]
    ends: list[Tensor] = []
    gradients: list[Tensor] = []
    for head, own in enumerate(inputs.unbind()):
        rows = (targets[head] != IGNORED).nonzero()[:, 0]
        count = rows.numel()
        if not count:
            continue
        scores.guesses[head] = count
        scores.judged[head] = count if judge else 0
        rows = _padded(rows, filler=wanted.numel() - 1)
        goals = targets[head].index_select(0, rows)
        end = own.index_select(0, rows)
        gradient = torch.empty_like(end)
        project = _output_of(heads, output, head, precision, learning=learning)
        for at in range(0, rows.numel(), size):
            piece = end[at : at + size].detach().requires_grad_(learning)
            goal = goals[at : at + size]
            with torch.set_grad_enabled(learning), precision.autocast(hidden.device):
                logits = project(piece)
                loss = functional.cross_entropy(logits, goal, ignore_index=IGNORED, reduction="sum")
            if weights is not None:
                whole = count if counts is None else counts[head]
                torch.autograd.backward(loss * (weights[head] / whole))
                assert piece.grad is not None, "the backward pass has just set it"
                gradient[at : at + size] = piece.grad
            scores.losses[head] += float(loss.detach())
            if judge:
                scores.hits[head] += top_hits(logits.detach(), goal).cpu()
        ends.append(end)
        gradients.append(gradient)
    if learning and ends:
        torch.autograd.backward(ends, gradients)
    return scores


def _padded(rows: Tensor, filler: int) -> Tensor:
    """Return ``rows`` [n] and then ``filler``, once or more, up to a multiple of _STEP."""
    return functional.pad(rows, (0, _STEP - rows.numel() % _STEP), value=filler)


def _output_of(
    heads: MedusaHeads, output: Any, head: int, precision: Precision, *, learning: bool
) -> Callable[[Tensor], Tensor]:
    """Return what makes logits [n, V] of what leaves the blocks of ``head``, [n, H].

    A matrix of its own is a leaf whose ``grad`` is the head's part of the parameter's: gradients
    are added in place, where slicing the parameter would make one as large as all heads' a head.
    """
    if heads.output_weight is None:
        if precision.mixed or hasattr(output, "lora_A"):  # with adapters, it is more than a matrix
            return cast(Callable[[Tensor], Tensor], output)
        weight = output.weight.float()
        bias = None if output.bias is None else output.bias.float()
        return lambda piece: functional.linear(piece, weight, bias)
    matrix = heads.output_weight.detach()[head]
    if learning:
        assert heads.output_weight.grad is not None, "the gradients' memory is made beforehand"
        matrix.requires_grad_()
        matrix.grad = heads.output_weight.grad[head]
    return lambda piece: functional.linear(piece, matrix)
