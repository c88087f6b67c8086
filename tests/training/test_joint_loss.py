"""Medusa-2's loss on every case of the reference, and its gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_data import read, tensors
from torch import Tensor

from medusa_chat.training.joint_loss import Base, JointLoss
from medusa_chat.training.settings import Rise

STORED = tensors("medusa/loss/tiny-llama-medusa2-logits.safetensors")
LOGITS, TEACHER = STORED["logits_stack"], STORED["teacher_logits"]
LABELS = tensors("medusa/loss/tiny-llama-batch.safetensors")["labels"]


def loss_of(arguments: dict[str, Any]) -> JointLoss:
    """Return our loss for the reference's arguments."""
    scheduler, _, ramp = arguments["medusa_scheduler"].partition("_")
    rises: dict[str, Rise] = {"constant": "constant", "linear": "linear", "sine": "sine"}
    base: Base = "labels"
    if arguments.get("medusa_only_heads"):
        base = "none"
    elif arguments.get("medusa_self_distillation"):
        base = "teacher"
    elif arguments.get("medusa_distillation_regularization"):
        base = "smoothed"
    return JointLoss(
        coefficient=arguments["medusa_heads_coefficient"],
        decay=arguments["medusa_decay_coefficient"],
        rise=rises[scheduler],
        ramp=float(ramp or 1),
        base=base,
        smoothing=arguments.get("medusa_distillation_regularization", 0.1),
    )


@pytest.mark.parametrize("case", read("medusa/loss/tiny-llama.json")["medusa2_axolotl"])
def test_is_the_references(case: dict[str, Any]) -> None:
    loss = loss_of(case["args"])(
        LOGITS, LABELS, case["global_step"] / case["max_steps"], teacher=TEACHER
    )
    assert loss.item() == pytest.approx(case["loss"], rel=1e-6)


def gradient(loss: JointLoss, progress: float) -> Tensor:
    logits = LOGITS.clone().requires_grad_()
    [found] = torch.autograd.grad(loss(logits, LABELS, progress, TEACHER), logits)
    return found


def test_gradients_reach_what_the_loss_is_for() -> None:
    heads_only = gradient(JointLoss(base="none", rise="constant"), 0.5)
    assert not heads_only[0].any()
    assert all(heads_only[head].any() for head in range(1, 5))
    # At the start the sine is zero: the heads do not pull at the base yet.
    distilled = gradient(JointLoss(base="teacher"), 0.0)
    assert distilled[0].any()
    assert not distilled[1:].any()


def test_refuses_what_cannot_be() -> None:
    wrong: list[dict[str, Any]] = [
        {"ramp": 0.0},
        {"ramp": 1.5},
        {"smoothing": 1.0},
        {"rise": "steep"},
        {"base": "nothing"},
    ]
    for arguments in wrong:
        with pytest.raises(ValueError, match=r"rise|ramp|smoothing"):
            JointLoss(**arguments)
    with pytest.raises(ValueError, match="teacher"):
        JointLoss(base="teacher")(LOGITS, LABELS, 0.0)


def test_rises_to_the_coefficient_and_stays() -> None:
    weights = [JointLoss(coefficient=2.0, ramp=0.5).heads_weight(at) for at in (0, 0.25, 0.5, 1)]
    assert weights == pytest.approx([0.0, 2**0.5, 2.0, 2.0])
    assert torch.tensor(weights).diff().ge(0).all()
