"""Checkpoints that cannot be read: each is a message with the file's path, whatever is wrong."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path

import pytest
import torch
from golden_data import GOLDEN, TINY_LLAMA
from safetensors.torch import load_file, save_file
from tiny_models import Trap, by_name, random_heads, save_weights
from torch import Tensor

from medusa_chat.errors import ModelError
from medusa_chat.models.checkpoint import read_heads
from medusa_chat.models.layout import read_config

SHARED = GOLDEN / "medusa/models/tiny-llama-heads-v2shared"
HEADS_FILES = ("medusa_lm_head.pt", "medusa_lm_head.safetensors")


def refusal(folder: Path) -> str:
    """Return what is said of the heads in ``folder``: two lines at most."""
    with pytest.raises(ModelError) as caught:
        read_heads(folder)
    message = str(caught.value)
    assert len(message.splitlines()) <= 2
    assert str(folder) in message
    return message


@pytest.mark.parametrize("name", HEADS_FILES)
@pytest.mark.parametrize("kept", [0, 5, 3000, 100_000])
def test_file_that_is_cut_short(name: str, kept: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((SHARED / name).read_bytes()[:kept])
    assert name in refusal(tmp_path)


@pytest.mark.parametrize("name", HEADS_FILES)
def test_file_of_something_else(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert name in refusal(tmp_path)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickle_with_wrong_bytes(legacy: bool, tmp_path: Path) -> None:
    file = tmp_path / "medusa_lm_head.pt"
    tensors = by_name(random_heads(8, None))
    torch.save(tensors, file, _use_new_zipfile_serialization=not legacy)
    sound = file.read_bytes()
    chance = random.Random(0)
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        file.write_bytes(damaged)
        try:
            read_heads(tmp_path)
        except ModelError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017  # numbers alone may have changed


@pytest.mark.parametrize("name", ["medusa_lm_head.pt", "pytorch_model.bin"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_never_run(name: str, legacy: bool, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    content = {"0.0.linear.weight": Trap(sprung)}
    torch.save(content, tmp_path / name, _use_new_zipfile_serialization=not legacy)
    assert "code" in refusal(tmp_path)
    assert not sprung.exists()


def test_bare_pickle_is_never_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (tmp_path / "medusa_lm_head.pt").write_bytes(pickle.dumps(Trap(sprung)))
    refusal(tmp_path)
    assert not sprung.exists()


def test_pickle_of_a_list(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "medusa_lm_head.pt")
    assert "by name" in refusal(tmp_path)


@pytest.mark.parametrize(
    "missing", ["0.0.linear.weight", "1.0.linear.bias", "0.1.linear.bias", "1.2.weight"]
)
def test_tensor_that_is_missing(missing: str, tmp_path: Path) -> None:
    tensors = by_name(random_heads(8, 16, layers=2))
    del tensors[missing]
    save_file(tensors, tmp_path / HEADS_FILES[1])
    assert f"'{missing}' is missing" in refusal(tmp_path)


def test_output_matrices_alone(tmp_path: Path) -> None:
    save_file({"0.1.weight": torch.zeros(4, 4)}, tmp_path / HEADS_FILES[1])
    assert "0.0.linear.weight" in refusal(tmp_path)


def test_file_without_any_head(tmp_path: Path) -> None:
    save_file({"model.norm.weight": torch.zeros(4)}, tmp_path / HEADS_FILES[1])
    assert "no tensor of a Medusa head" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("0.0.linear.weight", torch.zeros(8, 4)),
        ("1.0.linear.weight", torch.zeros(4, 4)),
        ("0.0.linear.bias", torch.zeros(3)),
        ("1.1.weight", torch.zeros(16, 7)),
        ("0.0.linear.weight", torch.zeros(())),
    ],
)
def test_shapes_that_do_not_fit(name: str, tensor: Tensor, tmp_path: Path) -> None:
    save_file(by_name(random_heads(8, 16)) | {name: tensor}, tmp_path / HEADS_FILES[1])
    assert "shape" in refusal(tmp_path)


def test_outputs_without_dimensions(tmp_path: Path) -> None:
    tensors = by_name(random_heads(8, None))
    tensors |= {f"{head}.1.weight": torch.zeros(()) for head in range(2)}
    save_file(tensors, tmp_path / HEADS_FILES[1])
    assert "shape" in refusal(tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        "",
        "[]",
        "{}",
        '{"weight_map": null}',
        '{"weight_map": ["a"]}',
        '{"weight_map": {"a": 7}}',
        '{"weight_map": {"a": ["b"]}}',
        '{"weight_map":',
    ],
)
def test_broken_index(index: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert "index" in refusal(tmp_path)


@pytest.mark.parametrize("outside", ["../model.safetensors", "/etc/passwd", "sub/x.safetensors"])
def test_index_that_leads_out_of_its_folder(outside: str, tmp_path: Path) -> None:
    index = {"weight_map": {"medusa_head.0.0.linear.weight": outside}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "outside its folder" in refusal(tmp_path)


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize("damage", ["missing", "cut", "emptied", "a folder"])
def test_shard_that_is_missing_or_damaged(form: str, damage: str, tmp_path: Path) -> None:
    base = load_file(TINY_LLAMA / "model.safetensors")
    heads = {f"medusa_head.{key}": value for key, value in by_name(random_heads(96)).items()}
    save_weights(tmp_path, base | heads, form, shards=2)
    shard = sorted(tmp_path.glob(f"*-00002*.{form}"))[0]
    content = shard.read_bytes()
    shard.unlink()
    if damage == "cut":
        shard.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        tensors: dict[str, Tensor] = {}
        save_file(tensors, shard) if form == "safetensors" else torch.save(tensors, shard)
    elif damage == "a folder":
        shard.mkdir()
    assert shard.name in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"', "\udcff"])
def test_broken_config(content: str, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match="download it again") as caught:
        read_config(tmp_path)
    assert str(config) in str(caught.value)


def test_no_config_is_an_empty_one(tmp_path: Path) -> None:
    assert read_config(tmp_path) == {}
