"""RMSNorm in four operations against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from medusa_chat.decoding.lean.norm import RootMeanSquare


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_is_torchs(scale: float, dtype: torch.dtype) -> None:
    if dtype == torch.float16 and scale > 1:
        scale = 1e4
    torch.manual_seed(0)
    x, weight = (torch.randn(5, 64) * scale).to(dtype), torch.randn(64).to(dtype)
    expected = functional.rms_norm(x.double(), (64,), weight.double(), 1e-5)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    got = RootMeanSquare(weight, 1e-5)(x)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_heads_with_weights_of_their_own(dtype: torch.dtype) -> None:
    x, weight = torch.randn(5, 3, 16).to(dtype), torch.randn(3, 16).to(dtype)
    got = RootMeanSquare(weight, 1e-6)(x)
    for head in range(3):
        expected = functional.rms_norm(x[:, head], (16,), weight[head], 1e-6)
        torch.testing.assert_close(got[:, head], expected, rtol=0.02, atol=0.02)
