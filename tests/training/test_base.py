"""The frozen base: the hidden states that decoding sees, and the heads that it begins with."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import get_args

import pytest
import torch
from golden_data import tensors, tiny_llama

from medusa_chat.errors import ModelError
from medusa_chat.training.base import FrozenBase, base_files, new_heads
from medusa_chat.training.settings import Layout

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
    for layout in get_args(Layout):
        heads = new_heads(base.output, 3, 2, layout, "medusa")
        assert (heads.output_weight is None) == (layout == "shared")
        with torch.no_grad():
            for logits in heads(hidden, base.output):
                torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-4)


def test_a_base_is_known_by_its_config_and_by_what_is_read_of_its_weights(tmp_path: Path) -> None:
    for name in ("config.json", "model-2.safetensors", "model-1.safetensors"):
        (tmp_path / name).write_text(name)
    for other in ("pytorch_model.bin", "tokenizer.json", "README.md"):
        (tmp_path / other).touch()
    assert [file.name for file in base_files(tmp_path)] == [
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
    ]
    for file in tmp_path.glob("*.safetensors"):
        file.unlink()
    assert [file.name for file in base_files(tmp_path)] == ["config.json", "pytorch_model.bin"]


def test_a_model_without_an_output_matrix_is_refused() -> None:
    class Encoder:
        def get_output_embeddings(self) -> None:
            return None

    with pytest.raises(ModelError, match="no output matrix"):
        FrozenBase(Encoder())
