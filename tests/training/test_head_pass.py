"""A pass of the heads: the reference's losses and gradients, whole or in pieces."""

from __future__ import annotations

import copy

import pytest
import torch
from golden_data import GOLDEN, read, tensors, tiny_llama, tiny_llama_heads
from torch import Tensor

from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.base import FrozenBase
from medusa_chat.training.head_pass import HeadScores, head_pass
from medusa_chat.training.logit_pieces import ROWS_AT_ONCE
from medusa_chat.training.losses import IGNORED, medusa_1
from medusa_chat.training.precision import Precision

BATCH = tensors("medusa/loss/tiny-llama-batch.safetensors")
REFERENCE = read("medusa/loss/tiny-llama.json")
FLOAT32 = Precision(torch.float32, mixed=False)


@pytest.fixture
def base() -> FrozenBase:
    return FrozenBase(copy.deepcopy(tiny_llama()))


def own_heads() -> MedusaHeads:
    return with_gradients(copy.deepcopy(tiny_llama_heads()))


def shared_heads() -> MedusaHeads:
    heads = read_heads(GOLDEN / "medusa/models/tiny-llama-heads-v2shared")
    assert heads is not None
    return with_gradients(heads)


def with_gradients(heads: MedusaHeads) -> MedusaHeads:
    heads.requires_grad_()
    for parameter in heads.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return heads


def gradient(parameter: Tensor | None) -> Tensor:
    assert parameter is not None
    assert parameter.grad is not None
    return parameter.grad


def passed(heads: MedusaHeads, base: FrozenBase, weights: tuple[float, ...] | None) -> HeadScores:
    hidden = base.hidden(BATCH["input_ids"])
    return head_pass(heads, base.output, hidden, BATCH["labels"], FLOAT32, weights=weights)


@pytest.mark.parametrize("key", ["v01_per_head_lm_head", "legacy_shared_lm_head"])
def test_losses_and_gradients_are_the_references(key: str, base: FrozenBase) -> None:
    trained = own_heads() if key.startswith("v01") else shared_heads()
    expected = REFERENCE[key]
    scores = passed(trained, base, (1.0,) * 4)
    assert scores.total((1.0,) * 4) == pytest.approx(expected["total"], rel=1e-5)
    assert scores.mean_losses == pytest.approx(
        [expected["log"][f"medusa{head}_loss"] for head in range(4)], rel=1e-5
    )
    assert scores.accuracy(1) == pytest.approx(
        [expected["log"][f"medusa{head}_top1"] for head in range(4)], abs=1e-6
    )
    norms = expected["grad_norms"]
    for head in range(4):
        name = f"medusa_head.{head}.0.linear"
        weight = gradient(trained.block_weight)[0, head].norm().item()
        bias = gradient(trained.block_bias)[0, head].norm().item()
        assert weight == pytest.approx(norms[f"{name}.weight"], rel=1e-4)
        assert bias == pytest.approx(norms[f"{name}.bias"], rel=1e-4)
        if trained.output_weight is not None:
            own = gradient(trained.output_weight)[head].norm().item()
            assert own == pytest.approx(norms[f"medusa_head.{head}.1.weight"], rel=1e-4)
    # The reference also updates a shared lm_head, which it never saves: ours is left alone.
    assert base.output.weight.grad is None
    assert not base.output.weight.requires_grad


def test_a_batch_in_pieces_is_the_same_batch(
    base: FrozenBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, pieces = own_heads(), own_heads()
    weights = (0.8, 0.64, 0.512, 0.4096)
    expected = passed(whole, base, weights)

    monkeypatch.setitem(ROWS_AT_ONCE, "cpu", 7)
    found = passed(pieces, base, weights)
    assert found.mean_losses == pytest.approx(expected.mean_losses, rel=1e-6)
    assert found.hits.equal(expected.hits)
    for one, other in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(gradient(one), gradient(other), rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_medusa_1(base: FrozenBase) -> None:
    ours, plain = own_heads(), own_heads()
    passed(ours, base, (0.8, 0.64, 0.512, 0.4096))
    hidden = base.hidden(BATCH["input_ids"])
    logits = plain(hidden.flatten(0, 1), base.output).unflatten(1, hidden.shape[:2])
    torch.autograd.backward(medusa_1(logits, BATCH["labels"]))
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(gradient(one), gradient(other), rtol=1e-4, atol=1e-6)


def test_a_test_leaves_no_gradient(base: FrozenBase) -> None:
    heads = own_heads()
    passed(heads, base, None)
    assert not any(gradient(parameter).any() for parameter in heads.parameters())


def test_nothing_to_guess(base: FrozenBase) -> None:
    heads = own_heads()
    hidden = base.hidden(BATCH["input_ids"])
    labels = torch.full_like(BATCH["labels"], IGNORED)
    scores = head_pass(heads, base.output, hidden, labels, FLOAT32, weights=(1.0,) * 4)
    assert scores.guesses.tolist() == [0] * 4
    assert scores.total((1.0,) * 4) == 0


def test_mixed_precision_is_close(base: FrozenBase) -> None:
    exact, mixed = own_heads(), own_heads()
    expected = passed(exact, base, (1.0,) * 4)
    precision = Precision(torch.float32, mixed=True)
    hidden = base.hidden(BATCH["input_ids"])
    found = head_pass(
        mixed, base.output, hidden, BATCH["labels"], precision, weights=(1.0,) * 4, judge=False
    )
    assert found.mean_losses == pytest.approx(expected.mean_losses, rel=0.02)
    assert found.judged.tolist() == [0] * 4
    assert gradient(mixed.output_weight).dtype is torch.float32
    difference = gradient(mixed.output_weight) - gradient(exact.output_weight)
    assert difference.norm() < 0.03 * gradient(exact.output_weight).norm()


def test_scores_add_up() -> None:
    one = HeadScores.none(1)
    one.losses[0], one.guesses[0], one.judged[0] = 6.0, 3, 3
    one.hits[0] = torch.tensor([1, 2, 2, 2, 3])
    both = one + one * 0.5
    assert both.mean_losses == [2.0]
    assert both.accuracy(1) == [pytest.approx(1 / 3)]
    assert both.accuracy(5) == [1.0]
    assert both.total((0.5,)) == 1.0
