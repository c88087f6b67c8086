"""Tiny models with random weights, saved in each of the forms in which models are published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from golden_data import TINY_LLAMA
from safetensors.torch import save_file
from torch import Tensor

from medusa_chat.models.heads import MedusaHeads

VOCABULARY = 512
"""Tiny-llama's, whose tokenizer all of them use."""

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
    # Large, so that no two logits of a random model are nearly the same.
    "initializer_range": 0.2,
}


def copy_tokenizer(folder: Path) -> None:
    """Put tiny-llama's tokenizer and chat template into ``folder``."""
    for name in _TOKENIZER_FILES:
        shutil.copy(TINY_LLAMA / name, folder)


def save_base(folder: Path, model_type: str, **options: Any) -> Path:
    """Save a random model of this architecture, with a tokenizer, and return its folder."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **(_SHAPE | options))
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    copy_tokenizer(folder)
    return folder


def random_heads(
    hidden: int = 64, vocabulary: int | None = VOCABULARY, *, count: int = 2, layers: int = 1
) -> MedusaHeads:
    """Return heads whose every tensor differs; ``vocabulary`` None shares the base's output."""
    torch.manual_seed(1)
    heads = MedusaHeads(count, layers, hidden, vocabulary)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.normal_(std=0.2)
    return heads.requires_grad_(False)


def by_name(heads: MedusaHeads) -> dict[str, Tensor]:
    """Return the heads' tensors by the names of Medusa v0.1 or, when shared, version 2."""
    tensors = {}
    for head in range(heads.count):
        for layer in range(heads.layers):
            tensors[f"{head}.{layer}.linear.weight"] = heads.block_weight[layer, head].clone()
            tensors[f"{head}.{layer}.linear.bias"] = heads.block_bias[layer, head].clone()
        if heads.output_weight is not None:
            tensors[f"{head}.{heads.layers}.weight"] = heads.output_weight[head].clone()
    return tensors


def by_vllm_name(heads: MedusaHeads) -> dict[str, Tensor]:
    """Return the heads' tensors by vLLM's names."""
    tensors = {}
    for head in range(heads.count):
        for layer in range(heads.layers):
            name = f"blocks.{head}.layers.{layer}"
            tensors[f"{name}.weight"] = heads.block_weight[layer, head].clone()
            tensors[f"{name}.bias"] = heads.block_bias[layer, head].clone()
        if heads.output_weight is not None:
            tensors[f"lm_heads.{head}.weight"] = heads.output_weight[head].clone()
    return tensors


def save_heads(folder: Path, heads: MedusaHeads, **config: Any) -> Path:
    """Save heads alone, with whatever ``config`` says, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(by_name(heads), folder / "medusa_lm_head.safetensors")
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def save_weights(folder: Path, tensors: Mapping[str, Tensor], form: str, shards: int = 1) -> None:
    """Save a model's weights as ``safetensors`` or ``bin``; several shards come with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "model" if form == "safetensors" else "pytorch_model"
    weight_map: dict[str, str] = {}
    for shard in range(shards):
        number = f"-{shard + 1:05}-of-{shards:05}" if shards > 1 else ""
        file = folder / f"{stem}{number}.{form}"
        names = sorted(tensors)[shard::shards]
        part = {name: tensors[name].clone() for name in names}
        if form == "safetensors":
            save_file(part, file, metadata={"format": "pt"})
        else:
            torch.save(part, file)
        weight_map |= dict.fromkeys(names, file.name)
    if shards > 1:
        index = folder / f"{stem}.{form}.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}), "utf-8")


class Trap:
    """Leaves a file behind when it is unpickled by a reader that runs code."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (self._file,)  # type: ignore[return-value]
