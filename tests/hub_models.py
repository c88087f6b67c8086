"""Tiny models as repositories of a Hub: each layout, and the shape of the published Zephyr's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import sentencepiece
import torch
from command_line import REPOSITORY
from safetensors.torch import load_file, save_file
from tiny_models import (
    VOCABULARY,
    by_name,
    by_vllm_name,
    copy_tokenizer,
    random_heads,
    save_base,
    save_heads,
    save_weights,
)
from torch import Tensor

HIDDEN = 128
"""A multiple of 64, which 4 bits on a CPU need."""
BASE = "somebody/base"


def save_wide_base(folder: Path) -> Path:
    """Save a base whose widths can be quantised."""
    return save_base(folder, "llama", hidden_size=HIDDEN, intermediate_size=256)


def _v01(folder: Path, _base: Path) -> None:
    save_heads(folder, random_heads(HIDDEN), base_model_name_or_path=BASE)


def _pickled(folder: Path, base: Path) -> None:
    _v01(folder, base)
    (folder / "medusa_lm_head.safetensors").unlink()
    torch.save(by_name(random_heads(HIDDEN)), folder / "medusa_lm_head.pt")


def _shared(folder: Path, _base: Path) -> None:
    save_heads(folder, random_heads(HIDDEN, None), base_model_name_or_path=BASE, version="2")


def _merged(form: str, shards: int) -> Callable[[Path, Path], None]:
    def save(folder: Path, base: Path) -> None:
        tensors = load_file(base / "model.safetensors")
        heads = by_name(random_heads(HIDDEN))
        tensors |= {f"medusa_head.{name}": tensor for name, tensor in heads.items()}
        save_weights(folder, tensors, form, shards)
        shutil.copy(base / "config.json", folder)
        copy_tokenizer(folder)

    return save


def _vllm(folder: Path, _base: Path) -> None:
    _save_vllm(folder, by_vllm_name(random_heads(HIDDEN)), VOCABULARY)


def _truncated(folder: Path, _base: Path) -> None:
    ids = torch.arange(0, VOCABULARY, 2)
    named = by_vllm_name(random_heads(HIDDEN))
    named = {name: value[ids] if "lm_heads" in name else value for name, value in named.items()}
    _save_vllm(folder, named | {"token_map": ids}, len(ids))


def _save_vllm(folder: Path, tensors: dict[str, Tensor], rows: int) -> None:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "medusa", "num_heads": 2, "num_hidden_layers": 1, "vocab_size": 512}
    config |= {"hidden_size": HIDDEN, "truncated_vocab_size": rows, "medusa_fc_bias": True}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _plain(folder: Path, base: Path) -> None:
    shutil.copytree(base, folder)


LAYOUTS: dict[str, Callable[[Path, Path], None]] = {
    "v0.1": _v01,
    "v0.1-pickle": _pickled,
    "shared": _shared,
    "merged": _merged("safetensors", 1),
    "merged-shards": _merged("safetensors", 2),
    "merged-bin": _merged("bin", 1),
    "merged-bin-shards": _merged("bin", 2),
    "vllm": _vllm,
    "vllm-truncated": _truncated,
    "plain": _plain,
}
"""Each saves a model of this layout; the second argument is its base's folder."""


def save_zephyr(folder: Path) -> Path:
    """Save a tiny copy of the shape of FasterDecoding/medusa-1.0-zephyr-7b-beta.

    The merged weights in float16, in two pickled shards with an index; of the tokenizer only
    sentencepiece's file; a configuration of Mistral's with Medusa's fields in it.
    """
    base = save_base(
        folder.with_name("zephyr base"),
        "mistral",
        hidden_size=HIDDEN,
        intermediate_size=256,
        num_key_value_heads=2,
        sliding_window=256,
        max_position_embeddings=1024,
        rms_norm_eps=1e-05,
        pad_token_id=2,
    )
    tensors = load_file(base / "model.safetensors")
    heads = by_name(random_heads(HIDDEN, count=5))
    tensors |= {f"medusa_head.{name}": tensor for name, tensor in heads.items()}
    save_weights(folder, {name: value.half() for name, value in tensors.items()}, "bin", shards=2)
    config = json.loads((base / "config.json").read_text("utf-8"))
    config.pop("dtype", None)
    config |= {"torch_dtype": "float16", "medusa_num_heads": 5, "medusa_num_layers": 1}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    generation = {"bos_token_id": 1, "eos_token_id": 2, "transformers_version": "4.35.0"}
    (folder / "generation_config.json").write_text(json.dumps(generation), "utf-8")
    save_sentencepiece(folder)
    return folder


def save_sentencepiece(folder: Path) -> None:
    """Train a small tokenizer, as Llama's is, and save it as ``tokenizer.model`` alone."""
    sentencepiece.SentencePieceTrainer.Train(
        input=str(REPOSITORY / "LICENSE"),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.vocab").unlink()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True}
    tokenizer |= {"add_eos_token": False, "model_max_length": 1024, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), "utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")
