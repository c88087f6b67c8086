"""Medusa-1's loss on the reference's batch, and which token each head is asked for."""

from __future__ import annotations

import pytest
import torch
from golden_data import read, tensors

from medusa_chat.training.losses import (
    IGNORED,
    head_targets,
    head_weights,
    mean_cross_entropy,
    medusa_1,
    top_hits,
)

LOGITS = tensors("medusa/loss/tiny-llama-medusa2-logits.safetensors")["logits_stack"]
LABELS = tensors("medusa/loss/tiny-llama-batch.safetensors")["labels"]
REFERENCE = read("medusa/loss/tiny-llama.json")["v01_per_head_lm_head"]


def test_head_k_guesses_the_token_k_plus_2_ahead() -> None:
    targets = head_targets(torch.tensor([[10, 11, 12, IGNORED, 14]]), 4)
    assert targets[:, 0].tolist() == [
        [12, IGNORED, 14, IGNORED, IGNORED],
        [IGNORED, 14, IGNORED, IGNORED, IGNORED],
        [14, IGNORED, IGNORED, IGNORED, IGNORED],
        [IGNORED] * 5,
    ]


def test_a_sequence_shorter_than_the_heads_reach_asks_nothing() -> None:
    assert (head_targets(torch.tensor([[7]]), 3) == IGNORED).all()


def test_the_references_sum_is_ours_without_decay() -> None:
    total = medusa_1(LOGITS[1:], LABELS, decay=1.0)
    assert total.item() == pytest.approx(REFERENCE["total"], rel=1e-6)


def test_each_heads_loss_and_hits_are_the_references() -> None:
    targets = head_targets(LABELS, 4)
    for head in range(4):
        loss = mean_cross_entropy(LOGITS[1 + head], targets[head])
        assert loss.item() == pytest.approx(REFERENCE["log"][f"medusa{head}_loss"], rel=1e-5)
        kept = targets[head] != IGNORED
        hits = top_hits(LOGITS[1 + head][kept], targets[head][kept]) / kept.sum()
        expected = [REFERENCE["log"][f"medusa{head}_top{among}"] for among in range(1, 6)]
        assert hits.tolist() == pytest.approx(expected, abs=1e-6)


def test_decay_weighs_head_k_by_its_power() -> None:
    assert head_weights(3, 0.8) == pytest.approx((0.8, 0.64, 0.512))
    targets = head_targets(LABELS, 4)
    expected = sum(
        0.8 ** (head + 1) * mean_cross_entropy(LOGITS[1 + head], targets[head]) for head in range(4)
    )
    assert medusa_1(LOGITS[1:], LABELS).item() == pytest.approx(float(expected), rel=1e-6)


def test_ignored_labels_change_nothing() -> None:
    logits = LOGITS[1:].clone()
    # Head k's logits at t where label t + 2 + k is ignored.
    for head in range(4):
        logits[head][head_targets(LABELS, 4)[head] == IGNORED] = 99.0
    assert medusa_1(logits, LABELS).equal(medusa_1(LOGITS[1:], LABELS))


def test_hits_of_a_vocabulary_below_five() -> None:
    hits = top_hits(torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([2]))
    assert hits.tolist() == [0, 1, 1, 1, 1]
