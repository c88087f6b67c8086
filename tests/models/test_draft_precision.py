"""Heads are rounded only where it pays, and what is rounded is a copy."""

from __future__ import annotations

import pytest
import torch
from tiny_models import random_heads
from torch import nn

from medusa_chat.models import draft_precision
from medusa_chat.models.draft_precision import bytes_read, place_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.packed_heads import PackedHeads
from medusa_chat.settings import HeadPrecision

CPU = torch.device("cpu")


def large_heads() -> MedusaHeads:
    heads = MedusaHeads(2, 1, 256, 4096)
    with torch.no_grad():
        assert heads.output_weight is not None
        heads.output_weight.normal_()
    return heads


@pytest.mark.parametrize("faster", [torch.float32, torch.bfloat16])
def test_the_faster_precision(faster: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        draft_precision,
        "_seconds",
        lambda heads, _: 1.0 if type(heads) is MedusaHeads and heads.dtype == faster else 2.0,
    )
    heads = large_heads()
    assert heads.output_weight is not None
    before = heads.output_weight.detach().clone()
    placed = place_heads(heads, CPU, torch.float32)
    assert placed.dtype == faster
    assert isinstance(placed, MedusaHeads)
    assert placed.output_weight is not None
    assert torch.equal(placed.output_weight, before.to(faster))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_where_that_is_fastest(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        draft_precision, "_seconds", lambda heads, _: 1.0 if type(heads) is PackedHeads else 2.0
    )
    placed = place_heads(large_heads(), CPU, dtype)
    assert isinstance(placed, PackedHeads)
    assert placed.dtype == dtype
    monkeypatch.setattr(draft_precision, "packs", lambda _dtype: False)
    assert isinstance(place_heads(large_heads(), CPU, dtype), MedusaHeads)


def test_all_ways_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once disturbed, the fastest is still found."""
    asked: list[torch.dtype] = []
    monkeypatch.setattr(draft_precision, "packs", lambda _dtype: False)

    def seconds(heads: MedusaHeads, _: object) -> float:
        asked.append(heads.dtype)
        disturbed = len(asked) <= 4
        return 9.0 if disturbed else 1.0 if heads.dtype == torch.bfloat16 else 2.0

    monkeypatch.setattr(draft_precision, "_seconds", seconds)
    assert place_heads(large_heads(), CPU, torch.float32).dtype == torch.bfloat16
    assert asked[:4] == [torch.float32, torch.bfloat16] * 2


def test_it_is_measured() -> None:
    assert place_heads(large_heads(), CPU, torch.float32).dtype in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [None, 512])
def test_small_and_shared_heads_follow_the_base(dtype: torch.dtype, vocabulary: int | None) -> None:
    assert place_heads(MedusaHeads(2, 1, 96, vocabulary), CPU, dtype).dtype == dtype


@pytest.mark.parametrize("precision", ["full", "8bit"])
@pytest.mark.parametrize("vocabulary", [None, 512])
def test_what_a_step_reads(precision: HeadPrecision, vocabulary: int | None) -> None:
    heads = random_heads(64, vocabulary, count=2)
    output = nn.Linear(64, 512, bias=False)
    placed = place_heads(heads, torch.device("cpu"), torch.float32, precision)
    read = bytes_read(placed, output)
    weights = 2 * 64 * 64 + (2 * 512 * 64 if vocabulary else 0)
    least = weights * (1 if precision == "8bit" else 4)
    if vocabulary is None:
        least += 512 * 64 * 4  # the base's own is read once more
    # Biases, and in 8 bits scales, come on top.
    assert least < read < least * 1.1
    if precision == "full" and vocabulary is not None:
        packed = bytes_read(PackedHeads(heads), output)
        assert packed == sum(one.nbytes for one in heads.parameters())


def test_shared_heads_may_draft_from_a_rounded_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    heads = random_heads(256, None, count=2)
    output = nn.Linear(256, 4096, bias=False)
    monkeypatch.setattr(
        draft_precision,
        "_seconds",
        lambda heads, _: 1.0 if heads.dtype == torch.bfloat16 and type(heads) is PackedHeads else 2,
    )
    placed = place_heads(heads, CPU, torch.float32, "full", output, output.weight)
    assert isinstance(placed, PackedHeads)
    hidden = torch.randn(1, 256)
    with torch.inference_mode():
        got = placed(hidden.bfloat16(), None, 2).float()
        expected = heads(hidden, output, 2)
    torch.testing.assert_close(got, expected, rtol=0.05, atol=0.05)
    # It has the matrix in half the bytes, and does not read the base's.
    assert bytes_read(placed, output) == 2 * (4096 * 256 + 2 * 256 * 257)
    assert heads.output_weight is None
