"""The attention that the built-in model is trained with."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch.nn import functional


@pytest.mark.parametrize("width", [3, 256, 300])
def test_it_is_torchs_own_with_its_gradients(width: int) -> None:
    attention: Any = importlib.import_module("attention")
    torch.manual_seed(0)
    query, key, value = (
        torch.randn(2, heads, width, 8, dtype=torch.bfloat16, requires_grad=True)
        for heads in (4, 2, 2)
    )
    slope = torch.randn(2, 4, width, 8)

    def read_and_gradients(read: torch.Tensor) -> list[torch.Tensor]:
        return [read, *torch.autograd.grad(read, (query, key, value), slope.to(read.dtype))]

    read, _ = attention.attention(None, query, key, value, None, 0.3)
    ours = read_and_gradients(read.transpose(1, 2))
    expected = read_and_gradients(
        functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), is_causal=True, scale=0.3, enable_gqa=True
        )
    )
    for one, other in zip(ours, expected, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()


def test_nothing_behind_is_read() -> None:
    attention: Any = importlib.import_module("attention")
    query, key, value = (torch.randn(1, 2, 300, 8, dtype=torch.bfloat16) for _ in range(3))
    before, _ = attention.attention(None, query, key, value, None, 1.0)
    key[:, :, 200:], value[:, :, 200:] = 9.0, 9.0
    after, _ = attention.attention(None, query, key, value, None, 1.0)
    assert torch.equal(before[:, :200], after[:, :200])
    assert not torch.equal(before[:, 200:], after[:, 200:])


def test_what_a_compiler_is_told_of_shapes_is_true() -> None:
    attention: Any = importlib.import_module("attention")
    query = torch.randn(2, 3, 300, 8, dtype=torch.bfloat16)
    key, value = (torch.randn(2, 300, 8, dtype=torch.bfloat16) for _ in range(2))
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(attention.attend, (query, key, value), test_utils=tests)
    read, weights = attention.attend(query, key, value)
    inputs = (read, query, key, value, read, weights)
    torch.library.opcheck(attention.attend_backward, inputs, test_utils=tests)
