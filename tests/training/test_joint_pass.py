"""A pass of base and heads together: the joint loss and its gradients, in pieces."""

from __future__ import annotations

import copy

import pytest
import torch
from golden_data import tensors, tiny_llama, tiny_llama_heads
from torch import Tensor, nn

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.batches import Batch
from medusa_chat.training.joint_loss import Base, JointLoss
from medusa_chat.training.joint_pass import JointWeights, joint_pass
from medusa_chat.training.logit_pieces import ROWS_AT_ONCE
from medusa_chat.training.losses import IGNORED, head_targets, head_weights
from medusa_chat.training.precision import Precision
from medusa_chat.training.trained_base import AdapterShape, TrainedBase

STORED = tensors("medusa/loss/tiny-llama-batch.safetensors")
IDS, LABELS = STORED["input_ids"], STORED["labels"]
BATCH = Batch(IDS, LABELS, IDS.numel())
FLOAT32 = Precision(torch.float32, mixed=False)
ADAPTERS = AdapterShape(rank=4, alpha=8.0, dropout=0.0)
PROGRESS = 0.5


def base_of(adapters: AdapterShape | None) -> TrainedBase:
    torch.manual_seed(3)
    base = TrainedBase(copy.deepcopy(tiny_llama()), adapters, keeps_original=True)
    with torch.no_grad():
        # Moved a little from where it was, so that the original is another model.
        for parameter in base.parameters().values():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return base


def zeroed(*owners: nn.Module | TrainedBase) -> None:
    for owner in owners:
        found = owner.parameters()
        for parameter in found.values() if isinstance(found, dict) else found:
            parameter.requires_grad_()
            parameter.grad = torch.zeros_like(parameter)


def weights_of(loss: JointLoss, heads: int) -> JointWeights:
    counts = (head_targets(LABELS, heads) != IGNORED).flatten(1).sum(dim=1).tolist()
    teaches = loss.base == "teacher"
    guesses = int((LABELS[:, 1:] != IGNORED).sum())
    return JointWeights(
        [loss.heads_weight(PROGRESS) * one for one in head_weights(heads, loss.decay)],
        counts,
        LABELS[:, 1:].numel() if teaches else guesses,
        teaches,
    )


def expected(loss: JointLoss, heads: MedusaHeads, base: TrainedBase) -> Tensor:
    """Return the loss of all logits at once, as it is tested against the reference."""
    hidden = base.hidden(IDS)
    own = base.logits(hidden.flatten(0, 1)).view(*IDS.shape, -1)
    guessed = heads(hidden.flatten(0, 1), base.output).view(4, *IDS.shape, -1)
    teacher = base.original_logits(base.original_hidden(IDS).flatten(0, 1)).view(*IDS.shape, -1)
    return loss(torch.cat([own[None], guessed]), LABELS, PROGRESS, teacher)


@pytest.mark.parametrize("adapters", [None, ADAPTERS], ids=["full", "lora"])
@pytest.mark.parametrize("kind", ["labels", "teacher"])
def test_the_gradient_is_that_of_the_joint_loss(
    kind: Base, adapters: AdapterShape | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = JointLoss(base=kind, coefficient=0.5)
    ours, plain = copy.deepcopy(tiny_llama_heads()), copy.deepcopy(tiny_llama_heads())
    base, other = base_of(adapters), base_of(adapters)
    zeroed(ours, plain, base, other)
    monkeypatch.setitem(ROWS_AT_ONCE, "cpu", 7)
    joint_pass(ours, base, BATCH, FLOAT32, weights=weights_of(loss, 4))
    torch.autograd.backward(expected(loss, plain, other))
    for (name, one), two in zip(
        (*ours.named_parameters(), *base.parameters().items()),
        (*plain.parameters(), *other.parameters().values()),
        strict=True,
    ):
        assert one.grad is not None, name
        assert two.grad is not None, name
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-3, atol=1e-5, msg=name)
        assert one.grad.any(), name


def test_scores_are_the_bases_and_then_the_heads() -> None:
    base, heads = base_of(None), copy.deepcopy(tiny_llama_heads())
    with torch.no_grad():
        logits = base.logits(base.hidden(IDS)[:, :-1].flatten(0, 1))
        own = nn.functional.cross_entropy(logits, LABELS[:, 1:].flatten(), ignore_index=IGNORED)
    scores = joint_pass(heads, base, BATCH, FLOAT32)
    assert scores.mean_losses[0] == pytest.approx(own.item(), rel=1e-5)
    assert len(scores.mean_losses) == 5
    assert scores.guesses[0] == (LABELS[:, 1:] != IGNORED).sum()
    hits = (logits.argmax(dim=-1) == LABELS[:, 1:].flatten()).sum()
    assert scores.hits[0, 0] == hits


def test_a_teacher_is_matched_where_nothing_has_been_learnt() -> None:
    loss = JointLoss(base="teacher")
    heads = copy.deepcopy(tiny_llama_heads())
    base = TrainedBase(copy.deepcopy(tiny_llama()), None, keeps_original=True)
    zeroed(heads, base)
    scores = joint_pass(heads, base, BATCH, FLOAT32, weights=weights_of(loss, 4))
    assert scores.losses[0].item() == pytest.approx(0.0, abs=1e-4)
