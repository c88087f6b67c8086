"""Models that cannot be loaded, and quantised ones: a message with the path and what to do."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
from golden_data import GOLDEN, TINY_LLAMA
from safetensors.torch import load_file, save_file
from tiny_models import Trap, random_heads, save_base, save_heads, save_weights

from medusa_chat.settings import Quantization

from .loading import loaded, refusal, reply

V01 = GOLDEN / "medusa/models/tiny-llama-heads-v01"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a copy of tiny-llama that may be damaged."""
    folder = tmp_path / "tiny llama"
    shutil.copytree(TINY_LLAMA, folder)
    return folder


def base_refusal(base: Path) -> str:
    """Return why ``base`` is refused, alone and with heads of another folder."""
    assert str(base) in refusal(base)
    message = refusal(V01, base_model=str(base))
    assert str(base) in message
    return message


@pytest.mark.parametrize("kept", [0, 100, 500_000])
def test_weights_that_are_cut_short(kept: int, base: Path) -> None:
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    base_refusal(base)


def test_weights_that_are_missing(base: Path) -> None:
    (base / "model.safetensors").unlink()
    base_refusal(base)


def test_tensors_that_are_missing(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    message = base_refusal(base)
    assert "a tensor is missing" in message
    assert "model.layers.1.mlp.up_proj.weight" in message


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_shards_that_are_missing_or_cut(form: str, damage: str, base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    save_weights(base, tensors, form, shards=2)
    shard = sorted(base.glob("*-00002*"))[0]
    content = shard.read_bytes()
    shard.unlink()
    if damage == "cut":
        shard.write_bytes(content[:5000])
    base_refusal(base)


def test_pickled_code_is_never_run(base: Path, tmp_path: Path) -> None:
    (base / "model.safetensors").unlink()
    sprung = tmp_path / "sprung"
    torch.save({"model.norm.weight": Trap(sprung)}, base / "pytorch_model.bin")
    assert "code instead of tensors" in base_refusal(base)
    assert not sprung.exists()


def test_shapes_that_contradict_the_config(base: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"vocab_size": 600}))
    message = base_refusal(base)
    assert "[512, 96]" in message
    assert "[600, 96]" in message


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"model_type": 7}',
        '{"model_type": "no-such-architecture"}',
        '{"model_type": "t5"}',
        '{"model_type": "llama", "hidden_size": "wide"}',
        '{"model_type": "llama", "hidden_size": -4}',
        '{"model_type": "llama", "num_attention_heads": 0}',
    ],
)
def test_config_that_describes_no_model(config: str, base: Path) -> None:
    (base / "config.json").write_text(config)
    base_refusal(base)


def test_config_that_is_missing(base: Path) -> None:
    (base / "config.json").unlink()
    base_refusal(base)


@pytest.mark.parametrize("content", [None, "", "{", "{}", '{"model": 5}'])
def test_broken_tokenizer(content: str | None, base: Path) -> None:
    tokenizer = base / "tokenizer.json"
    tokenizer.unlink()
    if content is not None:
        tokenizer.write_text(content)
    assert "tokenizer" in base_refusal(base)


def test_architecture_without_causal_attention(tmp_path: Path) -> None:
    base = save_base(tmp_path / "bert", "bert")
    assert "BertLMHeadModel" in refusal(base)


@pytest.mark.parametrize("name", ["nowhere/at/all", "./nowhere", "../nowhere", "~/no/such", "/no"])
def test_folder_that_does_not_exist(name: str) -> None:
    message = refusal(name)
    assert name in message
    assert "does not exist" in message


def test_file_instead_of_a_folder() -> None:
    assert "is a file" in refusal(TINY_LLAMA / "model.safetensors")


def test_empty_folder(tmp_path: Path) -> None:
    assert "no model" in refusal(tmp_path)


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
@pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
def test_quantized_model_decodes_by_trees(
    quantization: Quantization, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_base(tmp_path / "base", "llama", hidden_size=128, intermediate_size=256)
    heads = save_heads(tmp_path / "heads", random_heads(128), base_model_name_or_path="../base")
    capfd.readouterr()
    model = loaded(heads, quantization=quantization)
    assert model.plain_reason is None
    assert len(reply(model, [[0], [1], [0, 0]])) == 16
    assert capfd.readouterr().err == ""
