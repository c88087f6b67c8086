"""Packed products compute what the usual ones do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medusa_chat.models.packed_linear import PackedLinear, pack_linears


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(48, 96), nn.SiLU(), nn.Linear(96, 33, bias=False))


@pytest.mark.parametrize("shape", [(1, 48), (1, 1, 48), (8, 48), (1, 7, 48), (3, 5, 48)])
def test_same_result(shape: tuple[int, ...]) -> None:
    model, packed = small_model(), small_model()
    assert pack_linears(packed)
    assert sum(isinstance(layer, PackedLinear) for layer in packed.modules()) == 2
    x = torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(packed(x), model(x), rtol=1e-5, atol=1e-5)


def test_large_matrices_are_packed_for_one_row_too() -> None:
    model = nn.Sequential(nn.Linear(256, 4096))
    x = torch.randn(1, 256)
    with torch.inference_mode():
        expected = model(x)
        assert pack_linears(model)
        torch.testing.assert_close(model(x), expected, rtol=1e-5, atol=1e-5)


def test_other_precisions_stay_as_they_are() -> None:
    model = small_model().to(torch.bfloat16)
    assert not pack_linears(model)
    assert not any(isinstance(layer, PackedLinear) for layer in model.modules())


def test_torch_without_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_layer: PackedLinear) -> None:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute")

    monkeypatch.setattr(PackedLinear, "pack", missing)
    model = small_model()
    assert not pack_linears(model)
    assert all(type(layer) is not PackedLinear for layer in model.modules())


def test_operators_that_compute_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, x: x.new_zeros(8, self.out_features))
    assert not pack_linears(small_model())
