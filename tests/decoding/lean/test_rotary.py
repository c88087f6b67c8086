"""Rotary embeddings against transformers' own, scaled as the models are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.models.llama.modeling_llama import (
    LlamaConfig,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)

from medusa_chat.decoding.lean.rotary import Rotary, rotate_

SCALINGS: list[dict[str, Any]] = [
    {"rope_type": "default"},
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
    {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    },
]


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling["rope_type"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_is_transformers(scaling: dict[str, Any], dtype: torch.dtype) -> None:
    config = LlamaConfig(
        hidden_size=64,
        num_attention_heads=4,
        max_position_embeddings=512,
        rope_parameters={"rope_theta": 10000.0, **scaling},
    )
    theirs = LlamaRotaryEmbedding(config)
    positions = torch.tensor([0, 1, 7, 7, 511, 100])
    states = torch.randn(6, 4, 16).to(dtype)
    cos, sin = theirs(states, positions[None])
    turned = states.transpose(0, 1)[None]
    expected, _ = apply_rotary_pos_emb(turned, turned, cos, sin)
    ours = Rotary(theirs.inv_freq, theirs.attention_scaling, dtype)
    ours.reach(512)
    got = states.clone()
    rotate_(got, *ours.at(positions))
    tolerance = 1e-6 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(got, expected[0].transpose(0, 1), rtol=tolerance, atol=tolerance)


def test_reaching_further_changes_nothing() -> None:
    rotary = Rotary(torch.tensor([1.0, 0.1]), 1.5, torch.float32)
    rotary.reach(10)
    before = rotary.at(torch.tensor([9]))
    rotary.reach(5)
    rotary.reach(40)
    assert all(map(torch.equal, rotary.at(torch.tensor([9])), before))
    with pytest.raises(IndexError):
        rotary.at(torch.tensor([40]))
