"""Products over packed weights compute what torch's own do, or are not used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from medusa_chat.decoding.lean import linear
from medusa_chat.decoding.lean.linear import ModuleProduct, PackedProduct, PlainProduct, packs


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    packs.cache_clear()
    yield
    packs.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("one_row", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 4, 8, 13, 64, 200])
def test_packed_is_plain(dtype: torch.dtype, one_row: bool, rows: int) -> None:
    assert packs(dtype)
    torch.manual_seed(0)
    weight, bias = torch.randn(96, 48).to(dtype), torch.randn(96).to(dtype)
    x = torch.randn(rows, 48).to(dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    for given in (bias, None):
        packed = PackedProduct(weight, given, one_row=one_row)
        expected = functional.linear(x, weight, given)
        torch.testing.assert_close(packed(x), expected, rtol=tolerance, atol=tolerance)
        assert torch.equal(PlainProduct(weight, given)(x), expected)


def test_a_small_matrix_serves_one_row_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 48)
    weight = torch.randn(96, 48)
    kept, spared = (PackedProduct(weight, None, one_row=kept) for kept in (True, False))
    weight.zero_()
    assert not kept(x).any()
    assert spared(x).all()
    monkeypatch.setattr(linear, "_ONE_ROW_ELEMENTS", 96 * 48)
    assert PackedProduct(torch.ones(96, 48), None, one_row=True)._weight is None


def test_half_precision_is_not_packed() -> None:
    assert not packs(torch.float16)


def test_torch_without_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute")

    monkeypatch.setattr(PackedProduct, "__init__", missing)
    assert not packs(torch.float32)


def test_operators_that_compute_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedProduct, "__call__", lambda self, x: x.new_zeros(x.shape[0], 96))
    assert not packs(torch.float32)


def test_modules_side_by_side() -> None:
    one, other = torch.nn.Linear(8, 3), torch.nn.Linear(8, 5)
    x = torch.randn(2, 8)
    assert torch.equal(ModuleProduct(one)(x), one(x))
    assert torch.equal(ModuleProduct(one, other)(x), torch.cat([one(x), other(x)], -1))
