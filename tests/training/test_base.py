"""The frozen base: the hidden states that decoding sees, and the heads that it begins with."""

from __future__ import annotations

import copy

import pytest
import torch
from golden_data import tensors, tiny_llama

from medusa_chat.errors import ModelError
from medusa_chat.training.base import FrozenBase

IDS = tensors("medusa/loss/tiny-llama-batch.safetensors")["input_ids"]


@pytest.fixture
def base() -> FrozenBase:
    return FrozenBase(copy.deepcopy(tiny_llama()))


def test_hidden_states_are_what_enters_the_output_matrix(base: FrozenBase) -> None:
    model = tiny_llama()
    with torch.no_grad():
        expected = model(IDS).logits
        found = base.output(base.hidden(IDS))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def test_padding_at_the_right_changes_nothing(base: FrozenBase) -> None:
    short = base.hidden(IDS[:, :12])
    long = base.hidden(torch.cat([IDS[:, :12], torch.zeros_like(IDS[:, :20])], dim=1))
    torch.testing.assert_close(long[:, :12], short, rtol=1e-5, atol=1e-5)


def test_new_heads_guess_what_the_base_says_next(base: FrozenBase) -> None:
    hidden = base.hidden(IDS).flatten(0, 1)
    expected = base.output(hidden)
    for layout in ("v0.1", "shared"):
        heads = base.new_heads(3, 2, "v0.1" if layout == "v0.1" else "shared")
        assert (heads.output_weight is None) == (layout == "shared")
        with torch.no_grad():
            for logits in heads(hidden, base.output):
                torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-4)


def test_the_digest_tells_bases_apart(base: FrozenBase) -> None:
    other = copy.deepcopy(tiny_llama())
    with torch.no_grad():
        other.get_output_embeddings().weight[3, 5] += 1e-3
    assert base.digest() == FrozenBase(copy.deepcopy(tiny_llama())).digest()
    assert base.digest() != FrozenBase(other).digest()


def test_a_model_without_an_output_matrix_is_refused() -> None:
    class Encoder:
        def get_output_embeddings(self) -> None:
            return None

    with pytest.raises(ModelError, match="no output matrix"):
        FrozenBase(Encoder())
