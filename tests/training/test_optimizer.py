"""The optimizer: its schedule, and that it can stop and go on without a trace."""

from __future__ import annotations

import pytest
import torch

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.optimizer import HeadOptimizer, learning_rate_factor


def pushed(optimizer: HeadOptimizer, heads: MedusaHeads, steps: range) -> None:
    for step in steps:
        optimizer.clear()
        for parameter in heads.parameters():
            assert parameter.grad is not None
            parameter.grad += torch.sin(torch.arange(parameter.numel()) + step).view_as(parameter)
        optimizer.step()


def test_rises_for_a_twentieth_then_falls_along_a_cosine() -> None:
    factors = [learning_rate_factor(step, 200) for step in range(200)]
    assert factors[:2] == pytest.approx([1 / 11, 2 / 11])
    assert factors[10] == max(factors) == 1.0
    assert factors[105] == pytest.approx(0.5)
    assert 0 < factors[-1] < 0.001
    assert all(0 < learning_rate_factor(step, steps) <= 1 for steps in (1, 2, 3) for step in (0,))


def test_goes_on_from_its_tensors_bit_by_bit() -> None:
    whole, halves = MedusaHeads(2, 1, 8, 16), MedusaHeads(2, 1, 8, 16)
    through = HeadOptimizer(whole, 1e-2, 10)
    pushed(through, whole, range(10))
    first = HeadOptimizer(halves, 1e-2, 10)
    pushed(first, halves, range(4))
    stored = {name: tensor.clone() for name, tensor in first.tensors().items()}
    resumed_heads = MedusaHeads(2, 1, 8, 16)
    resumed = HeadOptimizer(resumed_heads, 1e-2, 10)
    resumed.restore(stored, 4)
    pushed(resumed, resumed_heads, range(4, 10))
    assert resumed.step_count == 10
    for name, tensor in through.tensors().items():
        assert tensor.equal(resumed.tensors()[name]), name


def test_large_gradients_are_scaled_down() -> None:
    heads = MedusaHeads(1, 1, 4, None)
    optimizer = HeadOptimizer(heads, 1e-2, 10)
    gradient = heads.block_weight.grad
    assert gradient is not None
    gradient += 1e6
    optimizer.step()
    assert gradient.norm().item() == pytest.approx(1.0, rel=1e-4)
