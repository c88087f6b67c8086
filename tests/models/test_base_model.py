"""Bases and tokenizers in the forms in which they are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sentencepiece
import torch
from hub_models import save_sentencepiece
from safetensors.torch import load_file
from tiny_models import by_name, random_heads, save_base, save_heads, save_weights

from medusa_chat.models.base_model import load_base, load_tokenizer
from medusa_chat.models.device import Placement

from .loading import loaded, reply

CPU = Placement(torch.device("cpu"))
HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("model_type", ["llama", "mistral"])
@pytest.mark.parametrize("tokenizer_class", ["LlamaTokenizer", "LlamaTokenizerFast"])
def test_tokenizer_of_sentencepieces_file_alone(
    tokenizer_class: str, model_type: str, tmp_path: Path
) -> None:
    save_sentencepiece(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config["tokenizer_class"] = tokenizer_class
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    tokenizer = load_tokenizer(tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    # Not for a text that begins with a space: transformers 5 takes that for the one put before it.
    for text in ("You may", "two  spaces\n\nand é, 漢字\t", "USER: Hi ASSISTANT:"):
        assert tokenizer(text)["input_ids"] == [1, *pieces.encode(text)], text
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("stored", HALVES, ids=str)
def test_checkpoints_in_half_precision(stored: torch.dtype, tied: bool, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "llama", tie_word_embeddings=tied)
    tensors = load_file(folder / "model.safetensors")
    assert ("lm_head.weight" in tensors) != tied
    tensors = {name: tensor.to(stored) for name, tensor in tensors.items()}
    save_weights(folder, tensors, "safetensors")
    for dtype in (torch.float32, stored):
        model = load_base(folder, dtype, CPU)
        assert model.dtype == dtype
        embedding = model.get_input_embeddings().weight
        assert torch.equal(embedding, tensors["model.embed_tokens.weight"].to(dtype))
        output = model.get_output_embeddings().weight
        assert (output is embedding) == tied


@pytest.mark.parametrize("stored", HALVES, ids=str)
def test_heads_in_another_precision_than_their_base(stored: torch.dtype, tmp_path: Path) -> None:
    save_base(tmp_path / "base", "llama")
    heads = save_heads(
        tmp_path / "heads", random_heads().to(stored), base_model_name_or_path="../base"
    )
    for dtype in ("float32", "bfloat16", "float16"):
        model = loaded(heads, dtype=dtype)
        assert model.heads == 2
        assert len(reply(model, [[0], [0, 0], [1]])) == 16
    exact = loaded(heads)
    assert reply(exact, [[0], [0, 0], [1]]) == reply(exact, [])


def test_heads_in_several_precisions_at_once(tmp_path: Path) -> None:
    save_base(tmp_path / "base", "llama")
    heads = save_heads(tmp_path / "heads", random_heads(), base_model_name_or_path="../base")
    mixed = by_name(random_heads())
    mixed["1.1.weight"] = mixed["1.1.weight"].half()
    save_weights(heads, mixed, "safetensors")
    (heads / "model.safetensors").replace(heads / "medusa_lm_head.safetensors")
    model = loaded(heads)
    assert reply(model, [[0], [0, 0], [1]]) == reply(model, [])
