"""Linear layers in float8: what they stand for, that rows leave each other alone, and the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import save_base
from torch._subclasses.fake_tensor import FakeTensorMode

from medusa_chat.decoding.lean import fp8
from medusa_chat.decoding.lean.fp8 import Fp8Linear, Fp8Product, fill, row_unit
from medusa_chat.decoding.step import StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_check import defect
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.settings import MAX_TREE_SIZE

from .lean_models import lean

WIDE = {"hidden_size": 128, "intermediate_size": 256, "num_key_value_heads": 2}
CPU = torch.device("cpu")
TREE = Tree.from_paths([[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 0]])


@pytest.fixture(autouse=True)
def checked_anew() -> None:
    row_unit.cache_clear()


def layer(width: int, height: int, *, bias: bool = False, seed: int = 0) -> Fp8Linear:
    noise = torch.Generator().manual_seed(seed)
    weight = torch.randn(height, width, generator=noise, dtype=torch.bfloat16)
    made = Fp8Linear(width, height, bias=bias)
    fill(made, weight, torch.randn(height, generator=noise).bfloat16() if bias else None)
    return made


def dequantized(made: Fp8Linear) -> torch.Tensor:
    """Return the weights [O, I] that the numbers stand for, in float32."""
    whole = made.weight.float() * (made.scale.view(-1, 1) * fp8.LARGEST)
    return whole[:, : made.in_features]


def rows(count: int, width: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(9)).bfloat16()


def test_weights_are_rounded_by_their_row() -> None:
    weight = torch.randn(48, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    weight[3] *= 1e-4  # by one scale for all, this row would be zero
    made = Fp8Linear(64, 48, bias=False)
    fill(made, weight)
    error = (dequantized(made) - weight.float()).abs() / weight.float().abs().amax(1, keepdim=True)
    assert error.max() < 2**-4  # half a step of three bits, at the largest
    assert made.weight.dtype == fp8.DTYPE
    assert made.weight.numel() == weight.numel()


@pytest.mark.parametrize(("width", "height"), [(64, 48), (50, 30), (96, 40)])
def test_product_is_that_of_the_rounded_numbers(width: int, height: int) -> None:
    made, x = layer(width, height, bias=True), rows(5, width)
    whole = torch.cat([x, x.new_zeros(1, width)])
    numbers, largest = fp8.rounded_rows(whole, torch.zeros(()))
    rounded = numbers.float() * (largest / fp8.LARGEST)
    expected = torch.nn.functional.linear(rounded, dequantized(made), made.bias.float())
    got = made(whole)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), expected, rtol=0.01, atol=0.05)
    assert torch.equal(got[5], made.bias)  # a row of zeros is one of zeros
    exact = torch.nn.functional.linear(x.float(), dequantized(made), made.bias.float())
    assert (got[:5].float() - exact).norm() < 0.04 * exact.norm()


def test_rows_leave_each_other_alone() -> None:
    made, x = layer(64, 48), rows(7, 64)
    alone = torch.cat([made(x[index : index + 1]) for index in range(7)])
    x[6] *= 1e4
    assert torch.equal(made(x)[:6], alone[:6])


@pytest.mark.parametrize("bias", [False, True])
def test_joined_layers_give_what_they_gave_apart(bias: bool) -> None:
    parts = [layer(64, height, bias=bias, seed=height) for height in (64, 32, 24)]
    x = rows(5, 64)
    before = torch.cat([part(x) for part in parts], -1)
    product = Fp8Product(parts)
    assert torch.equal(product(x), before)
    assert torch.equal(torch.cat([part(x) for part in parts], -1), before)
    storage = product.weight.untyped_storage().data_ptr()
    assert {part.weight.untyped_storage().data_ptr() for part in parts[:2]} == {storage}


def test_rows_are_filled_up_where_the_operator_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made, x = layer(64, 48), rows(5, 64)
    expected, real = made(x), torch._scaled_mm

    def picky(first: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor:
        if first.shape[0] % 16:
            raise RuntimeError(f"Expected a multiple of 16, got {first.shape[0]}")
        return real(first, *others, **options)

    monkeypatch.setattr(torch, "_scaled_mm", picky)
    row_unit.cache_clear()
    assert row_unit(CPU) == 16
    assert torch.equal(layer(64, 48)(x), expected)


def test_an_operator_that_is_missing_or_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch._scaled_mm
    monkeypatch.setattr(torch, "_scaled_mm", lambda *a, **k: real(*a, **k) * 1.1)
    assert "its results are" in str(row_unit(CPU))
    row_unit.cache_clear()
    monkeypatch.setattr(torch, "_scaled_mm", lambda *a, **k: real(*a, **k) * torch.nan)
    assert isinstance(row_unit(CPU), str)
    row_unit.cache_clear()
    monkeypatch.delattr(torch, "_scaled_mm")
    assert "torch's product of float8 fails on cpu: " in str(row_unit(CPU))


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "mistral"])
def test_is_the_stock_forward(architecture: str, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", architecture, **WIDE)
    model = load_base(folder, torch.bfloat16, Placement(CPU), "fp8")
    kinds = {type(part).__name__ for part in model.modules() if isinstance(part, torch.nn.Linear)}
    assert kinds == {"Fp8Linear", "Linear"}
    assert type(model.get_output_embeddings()) is torch.nn.Linear
    forward = lean(model, 250)
    stock = StockForward(model, 250, MAX_TREE_SIZE)
    with torch.inference_mode():
        for one in (forward, stock):
            one.extend(torch.arange(40))
        for nodes in ([0, 2, 4], [0]):
            logits = [one.step(torch.arange(7) * 9, TREE).logits for one in (forward, stock)]
            # A difference of the last bit may become one of the last of three.
            assert (logits[0] - logits[1]).norm() < 0.2 * logits[1].norm()
            for one in (forward, stock):
                one.compact(nodes)
    assert defect(model, forward) is None


@pytest.mark.parametrize(("rows", "width", "height"), [(1, 64, 48), (7, 50, 30), (64, 96, 40)])
def test_a_gpu_is_given_what_it_takes(
    rows: int, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's own checks for CUDA, on tensors without values."""
    asked = []

    def multiply(*given: torch.Tensor) -> torch.Tensor:
        asked.append(given)
        return real(*given)

    real = fp8._multiply
    row_unit(CPU)
    monkeypatch.setattr(fp8, "_multiply", multiply)
    # A single row may have any stride.
    stride = 3 if rows == 1 else width
    x = torch.randn(rows, width).bfloat16().as_strided((rows, width), (stride, 1))
    assert layer(width, height)(x).shape == (rows, height)
    (given,) = asked
    with FakeTensorMode(allow_non_fake_inputs=True):
        there = [
            torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device="cuda")
            for one in given
        ]
        assert real(*there).shape[0] == rows
        with pytest.raises(RuntimeError, match="divisible by 16"):
            real(torch.empty(rows, 50, dtype=fp8.DTYPE, device="cuda"), *there[1:])
