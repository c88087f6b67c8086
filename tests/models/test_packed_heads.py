"""Heads over packed weights guess what the usual ones guess."""

from __future__ import annotations

import pytest
import torch
from tiny_models import random_heads
from torch import nn

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.packed_heads import PackedHeads


def same(heads: MedusaHeads, tolerance: float) -> None:
    torch.manual_seed(0)
    packed = PackedHeads(heads)
    assert packed.dtype == heads.dtype
    assert (packed.count, packed.vocabulary) == (heads.count, heads.vocabulary)
    with torch.inference_mode():
        for rows in (1, 5):
            hidden = torch.randn(rows, heads.hidden_size).to(heads.dtype)
            for count in (1, heads.count):
                got, expected = (one(hidden, nn.Identity(), count) for one in (packed, heads))
                torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)
            assert packed(hidden, None).shape[0] == heads.count


@pytest.mark.parametrize("layers", [1, 3])
def test_same_guesses(layers: int) -> None:
    same(random_heads(count=3, layers=layers), 1e-4)
    same(random_heads(count=3, layers=layers).to(torch.bfloat16), 0.1)


def test_one_matrix_for_all() -> None:
    heads = random_heads(count=3)
    assert heads.output_weight is not None
    heads.output_weight = nn.Parameter(heads.output_weight[:1].detach(), requires_grad=False)
    same(heads, 1e-4)


def test_a_map_of_tokens_stays() -> None:
    heads = random_heads(vocabulary=8)
    heads.token_map = torch.arange(8) * 2
    packed = PackedHeads(heads)
    assert packed.token_map is not None
    assert torch.equal(packed.token_map, heads.token_map)
