"""One pass of a base and its heads together over a batch: losses, hits and gradients (Medusa-2).

What ``joint_loss`` computes from all logits at once is computed here in pieces, as the heads' are
in ``head_pass``: of each piece the gradient is taken before the logits of the next one are made.
The gradients meet in the hidden states, and go back through the base once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.batches import Batch
from medusa_chat.training.head_pass import HeadScores, head_pass
from medusa_chat.training.logit_pieces import ROWS_AT_ONCE
from medusa_chat.training.losses import IGNORED, top_hits
from medusa_chat.training.precision import Precision
from medusa_chat.training.root_embedding import RootEmbedding
from medusa_chat.training.trained_base import TrainedBase


@dataclass(frozen=True, slots=True)
class JointWeights:
    """What the terms of the loss count, and the guesses that they are means over, in a step.

    ``heads`` [K] are lambda_0(t) lambda^(k+1); ``counts`` [K] the heads' guesses. ``base_divisor``
    is what the base's summed loss is divided by: its guesses, or all positions where it learns
    from its teacher (``joint_loss``).
    """

    heads: Sequence[float]
    counts: Sequence[int]
    base_divisor: int
    teaches: bool


def joint_pass(
    heads: MedusaHeads,
    base: TrainedBase,
    batch: Batch,
    precision: Precision,
    *,
    weights: JointWeights | None = None,
    judge: bool = True,
    roots: RootEmbedding | None = None,
) -> HeadScores:
    """Return the scores of the base's own next token, and then of each head, on ``batch``.

    With ``weights`` the gradient of the joint loss is added to the ``grad`` of all that learns, and
    the base's summed loss is the one that it learns by; without, it is the cross entropy.
    ``roots`` are for heads that see them.
    """
    learning = weights is not None
    teacher: Tensor | None = None
    with torch.set_grad_enabled(learning), precision.autocast(base.device):
        if weights is not None and weights.teaches:
            teacher = base.original_hidden(batch.ids)
        hidden = base.hidden(batch.ids).float()
    meeting = hidden.detach().requires_grad_(learning)
    scores = _with_base(
        _base_scores(base, meeting, batch.labels, teacher, precision, weights, judge=judge),
        head_pass(
            heads,
            base.output,
            meeting,
            batch.labels,
            precision,
            weights=None if weights is None else weights.heads,
            counts=None if weights is None else weights.counts,
            judge=judge,
            roots=None if roots is None else partial(roots.behind, batch.ids),
        ),
    )
    if learning and meeting.grad is not None:
        torch.autograd.backward(hidden, meeting.grad)
    return scores


def _base_scores(
    base: TrainedBase,
    hidden: Tensor,
    labels: Tensor,
    teacher: Tensor | None,
    precision: Precision,
    weights: JointWeights | None,
    *,
    judge: bool,
) -> HeadScores:
    """Return the base's scores, of one row; its gradient is added to that of ``hidden``."""
    flat = hidden.detach().flatten(0, 1)
    targets = functional.pad(labels[:, 1:], (0, 1), value=IGNORED).flatten()
    rows = (targets != IGNORED).nonzero()[:, 0]
    scores = HeadScores.none(1)
    scores.guesses[0] = rows.numel()
    scores.judged[0] = rows.numel() if judge else 0
    for piece in torch.split(rows, ROWS_AT_ONCE[hidden.device.type]):
        goal = targets[piece]
        end = flat[piece].requires_grad_(weights is not None)
        with torch.set_grad_enabled(weights is not None), precision.autocast(hidden.device):
            logits = base.logits(end)
            if teacher is None:
                loss = functional.cross_entropy(logits, goal, reduction="sum")
            else:
                wanted = base.original_logits(teacher.flatten(0, 1)[piece]).softmax(dim=-1)
                loss = functional.kl_div(logits.log_softmax(dim=-1), wanted, reduction="sum")
        if weights is not None:
            torch.autograd.backward(loss / weights.base_divisor)
            assert end.grad is not None, "the backward pass has just set it"
            if hidden.grad is None:
                hidden.grad = torch.zeros_like(hidden)
            hidden.grad.flatten(0, 1).index_add_(0, piece, end.grad)
        scores.losses[0] += float(loss.detach())
        if judge:
            scores.hits[0] += top_hits(logits.detach(), goal).cpu()
    return scores


def _with_base(base: HeadScores, heads: HeadScores) -> HeadScores:
    return HeadScores(
        torch.cat([base.losses, heads.losses]),
        torch.cat([base.guesses, heads.guesses]),
        torch.cat([base.hits, heads.hits]),
        torch.cat([base.judged, heads.judged]),
    )
