"""Heads that see the root from layout to layout: nothing is lost, nor left to be overlooked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import random_heads

from medusa_chat.errors import ModelError
from medusa_chat.models.checkpoint import write_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.layout import read_config
from medusa_chat.publishing.model_facts import read_facts
from medusa_chat.publishing.settings import Layout
from publishing.converting import assert_same, convert, heads_in


@pytest.fixture
def seeing(base: Path, tmp_path: Path) -> MedusaHeads:
    """Return heads that see the root, which lie in the folder seeing."""
    tensors = dict(random_heads().state_dict()) | {"root_weight": torch.randn(64, 64)}
    seeing = MedusaHeads.of(tensors)
    write_heads(seeing, tmp_path / "seeing", "../base")
    return seeing


@pytest.mark.parametrize("layout", ["v0.1", "merged", "own"])
def test_heads_that_see_the_root(layout: Layout, seeing: MedusaHeads, tmp_path: Path) -> None:
    convert(tmp_path / "seeing", layout, tmp_path / "one")
    assert read_config(tmp_path / "one")["medusa_heads_kind"] == "root"
    convert(tmp_path / "one", "own", tmp_path / "two", base_model=str(tmp_path / "base"))
    assert_same(heads_in(tmp_path / "two"), seeing)
    assert not read_facts(
        _naming_a_hub_base(tmp_path / "two") if layout != "merged" else tmp_path / "one"
    ).is_tgi
    # The base alone says nothing of heads.
    done = convert(
        tmp_path / "one",
        "own",
        tmp_path / "three",
        with_base=True,
        **({} if layout == "merged" else {"base_model": str(tmp_path / "base")}),
    )
    assert "medusa_heads_kind" not in read_config(done.folder / "base")


def _naming_a_hub_base(folder: Path) -> Path:
    config = read_config(folder) | {"base_model_name_or_path": "somebody/base"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def test_what_else_reads_vllms_layout_does_not_take_our_own(
    seeing: MedusaHeads, tmp_path: Path
) -> None:
    convert(tmp_path / "seeing", "own", tmp_path / "own")
    names = {one.name for one in (tmp_path / "own").iterdir()}
    assert names == {"config.json", "medusa_lm_head.safetensors"}
    config = read_config(tmp_path / "own")
    # By these vLLM knows its own, and by these TGI asks for tensors, of names that are not there.
    assert not config.keys() & {"architectures", "model_type", "medusa_num_heads"}
    tensors = load_file(tmp_path / "own/medusa_lm_head.safetensors")
    assert "0.0.linear.weight" not in tensors
    assert tensors["root.weight"].equal(heads_in(tmp_path / "own").root_weight)  # type: ignore[arg-type]


def test_a_cut_vocabulary_of_heads_that_see_the_root(seeing: MedusaHeads, tmp_path: Path) -> None:
    chats = tmp_path / "chats.jsonl"
    words = "The quick brown fox jumps over the lazy dog. " * 3
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": words}]
    chats.write_text(json.dumps({"messages": said}) + "\n", "utf-8")
    options = {"vocabulary": 12, "vocabulary_from": chats}
    convert(tmp_path / "seeing", "own", tmp_path / "cut", **options)
    cut = heads_in(tmp_path / "cut")
    assert cut.token_map is not None
    assert cut.output_weight is not None
    assert seeing.output_weight is not None
    assert cut.vocabulary == 12
    assert cut.output_weight.equal(seeing.output_weight[:, cut.token_map])
    assert cut.root_weight is not None
    assert cut.root_weight.equal(seeing.root_weight)  # type: ignore[arg-type]
    assert read_config(tmp_path / "cut")["truncated_vocab_size"] == 12
    again = convert(tmp_path / "cut", "own", tmp_path / "again")
    assert_same(again.heads, cut)
    with pytest.raises(ModelError, match="see the root"):
        convert(tmp_path / "seeing", "vllm", tmp_path / "vllm", **options)
