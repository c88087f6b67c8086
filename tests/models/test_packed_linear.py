"""Packed products compute what the usual ones do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medusa_chat.models import packed_linear
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_large_matrices_are_packed_for_one_row_too(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(256, 4096)).to(dtype)
    x = torch.randn(1, 256).to(dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    with torch.inference_mode():
        expected = model(x)
        assert pack_linears(model)
        torch.testing.assert_close(model(x), expected, rtol=tolerance, atol=tolerance)


def test_other_precisions_stay_as_they_are() -> None:
    model = small_model().to(torch.float16)
    assert not pack_linears(model)
    assert not any(isinstance(layer, PackedLinear) for layer in model.modules())


def test_nothing_is_packed_where_the_operators_are_missing_or_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed_linear, "packs", lambda _dtype: False)
    model = small_model()
    assert not pack_linears(model)
    assert all(type(layer) is not PackedLinear for layer in model.modules())
