"""The optimizer of the built-in model's matrices."""

from __future__ import annotations

import importlib
from typing import Any

import torch

SHAPES = [(16, 16), (8, 16), (16, 16), (48, 16), (16, 48)]


def test_steps_are_those_of_torchs_own() -> None:
    muon: Any = importlib.import_module("muon")
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    theirs = [torch.nn.Parameter(one.detach().clone()) for one in ours]
    settings: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9}
    stacked = muon.StackedMuon(ours, **settings, compiled=False)
    expected: Any = torch.optim.Muon(theirs, **settings, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        before = [one.detach().clone() for one in ours]
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        stacked.step()
        expected.step()
        for one, other, start in zip(ours, theirs, before, strict=True):
            assert (one - other).norm() < 0.1 * (one - start).norm()
            other.data.copy_(one)
    assert stacked.state_dict().keys() == expected.state_dict().keys()


def test_a_matrix_without_a_gradient_stays() -> None:
    muon: Any = importlib.import_module("muon")
    still, moved = (torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2))
    moved.grad = torch.eye(4)
    muon.StackedMuon([still, moved], lr=0.1, weight_decay=0.0, momentum=0.9, compiled=False).step()
    assert torch.equal(still, torch.ones(4, 4))
    assert not torch.equal(moved, torch.ones(4, 4))
