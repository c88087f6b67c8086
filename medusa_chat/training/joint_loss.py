"""Medusa-2's loss: the base and its heads learn together (the paper's section 2.2.2).

L = L_LM + lambda_0(t) * sum_k lambda^(k+1) CE_k, where L_LM may be a distillation. Pure functions
of logits: B sequences, T positions, K heads, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from medusa_chat.training.losses import DECAY, IGNORED, mean_cross_entropy, medusa_1
from medusa_chat.training.settings import Rise

Base = Literal["labels", "smoothed", "teacher", "none"]


@dataclass(frozen=True, slots=True)
class JointLoss:
    """How the base's loss and the heads' are combined. Raises ValueError for impossible values.

    A training asks it what the heads count, and makes the loss in pieces (``joint_pass``). Called,
    it is the loss of all logits at once, with all that the paper's code has: what is held against
    that code's own figures, and the pieces against it.

    - ``coefficient``: lambda_0 at its height; ``rise``: how it gets there, over the first ``ramp``
      of the training (a sine rises a quarter of a wave), so that heads that know nothing yet do not
      spoil the base.
    - ``base``: what the base learns from. ``labels``: cross entropy. ``smoothed``: the divergence
      from the labels mixed with ``smoothing`` of the base's own distribution. ``teacher``: the
      divergence from another model's logits, the base before training (self-distillation).
      ``none``: nothing.
    """

    coefficient: float = 0.2
    decay: float = DECAY
    rise: Rise = "sine"
    ramp: float = 1.0
    base: Base = "labels"
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if self.rise not in get_args(Rise) or self.base not in get_args(Base):
            raise ValueError(f"rise {self.rise!r} or base {self.base!r} is not known")
        if not 0 < self.ramp <= 1:
            raise ValueError(f"ramp {self.ramp} is out of range: above 0, up to 1")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing {self.smoothing} is out of range: 0 or more, below 1")

    def heads_weight(self, progress: float) -> float:
        """Return lambda_0 at ``progress``, the share of the training done, 0 to 1."""
        share = min(progress / self.ramp, 1.0)
        if self.rise == "linear":
            return self.coefficient * share
        if self.rise == "sine":
            return self.coefficient * math.sin(share * math.pi / 2)
        return self.coefficient

    def __call__(
        self, logits: Tensor, labels: Tensor, progress: float, teacher: Tensor | None = None
    ) -> Tensor:
        """Return the loss of ``logits`` [1 + K, B, T, V], the base's first, for ``labels`` [B, T].

        ``teacher`` [B, T, V] are the logits that the base is to keep to.
        """
        heads = self.heads_weight(progress) * medusa_1(logits[1:], labels, self.decay)
        return heads + self._base_loss(logits[0, :, :-1], labels[:, 1:], teacher)

    def _base_loss(self, logits: Tensor, targets: Tensor, teacher: Tensor | None) -> Tensor:
        """Return the loss of the base's ``logits`` [B, T - 1, V] for the next tokens."""
        if self.base == "none":
            return logits.new_zeros(())
        if self.base == "labels":
            return mean_cross_entropy(logits, targets)
        kept = targets != IGNORED
        if self.base == "teacher":
            if teacher is None:
                raise ValueError("distillation from a teacher needs its logits")
            goal = teacher[:, :-1][kept].softmax(dim=-1)
        else:
            # The mixture is part of the loss: its gradient runs through both sides.
            one_hot = functional.one_hot(targets[kept], logits.shape[-1])
            own = logits[kept].softmax(dim=-1)
            goal = self.smoothing * own + (1 - self.smoothing) * one_hot
        divergence = functional.kl_div(logits[kept].log_softmax(dim=-1), goal, reduction="sum")
        # By all positions, ignored ones too, as the reference does: its coefficients assume that.
        return divergence / torch.numel(targets)
