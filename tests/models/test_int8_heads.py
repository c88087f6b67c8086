"""Heads in 8 bits guess nearly what they guess in full, from a quarter of the memory."""

from __future__ import annotations

import pytest
import torch
from golden_data import tiny_llama, tiny_llama_heads
from tiny_models import random_heads
from torch import nn

from medusa_chat.models import int8_heads
from medusa_chat.models.draft_precision import place_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads, quantized

CPU = torch.device("cpu")


def in_eight_bits(heads: MedusaHeads) -> Int8Heads:
    placed = place_heads(heads, CPU, torch.float32, "8bit")
    assert isinstance(placed, Int8Heads)
    return placed


def hidden(width: int) -> torch.Tensor:
    return torch.randn(3, width, generator=torch.Generator().manual_seed(2))


def test_rows_are_rounded_to_half_a_unit() -> None:
    matrix = (
        torch.randn(5, 64, generator=torch.Generator().manual_seed(0)) * torch.arange(5)[:, None]
    )
    numbers, scale = quantized(matrix)
    assert numbers.dtype == torch.int8
    assert numbers[1:].abs().amax(-1).eq(127).all()
    error = (numbers * scale[:, None] - matrix).abs()
    assert bool((error <= scale[:, None] / 2 * 1.001).all())
    # A row of zeros stays one.
    assert not numbers[0].any()


@pytest.mark.parametrize("product", ["torch's own", "in pieces"])
@pytest.mark.parametrize("vocabulary", [512, None], ids=["own", "shared"])
def test_logits_are_close(
    vocabulary: int | None, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if product == "in pieces":
        monkeypatch.setattr(int8_heads, "_PIECE_ROWS", 100)
        monkeypatch.delattr(torch, "_weight_int8pack_mm")
    heads = random_heads(64, vocabulary, count=3, layers=2)
    output = nn.Linear(64, 512, bias=False)
    rounded = in_eight_bits(heads)
    with torch.inference_mode():
        x = hidden(64)
        for count in (None, 2):
            expected, got = heads(x, output, count), rounded(x.to(rounded.dtype), output, count)
            assert got.shape == expected.shape
            assert float((got - expected).norm() / expected.norm()) < 0.03


def test_one_output_matrix_for_all_heads() -> None:
    heads = random_heads(64, 512, count=2)
    assert heads.output_weight is not None
    common = MedusaHeads.of({**heads.state_dict(), "output_weight": heads.output_weight[:1]})
    rounded = in_eight_bits(common)
    with torch.inference_mode():
        expected = common(hidden(64), nn.Identity())
        got = rounded(hidden(64).to(rounded.dtype), nn.Identity())
    assert float((got - expected).norm() / expected.norm()) < 0.03


def test_trained_heads_guess_the_same_token() -> None:
    heads, output = tiny_llama_heads(), tiny_llama().get_output_embeddings()
    rounded = in_eight_bits(heads)
    text = torch.tensor([[1, 300, 20, 401, 77]])
    with torch.inference_mode():
        ids = tiny_llama().generate(text, max_new_tokens=200, do_sample=False, pad_token_id=0)
        states = tiny_llama()(ids, output_hidden_states=True).hidden_states[-1][0]
        same = heads(states, output).argmax(-1) == rounded(states, output).argmax(-1)
    assert float(same.float().mean()) > 0.97


def test_a_quarter_of_the_memory() -> None:
    heads = random_heads(64, 512, count=3)
    full = sum(parameter.nbytes for parameter in heads.parameters())
    rounded = sum(buffer.nbytes for buffer in in_eight_bits(heads).buffers())
    assert rounded < 0.27 * full


def test_operator_that_is_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch, "_weight_int8pack_mm", lambda x, numbers, _scale: x @ numbers.to(x.dtype).T
    )
    assert int8_heads._fastest_right(CPU, torch.bfloat16) is int8_heads._in_pieces

    def fails(*_: object) -> None:
        raise RuntimeError("not on this device")

    monkeypatch.setattr(torch, "_weight_int8pack_mm", fails)
    assert int8_heads._fastest_right(CPU, torch.bfloat16) is int8_heads._in_pieces
