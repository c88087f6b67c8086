"""Which tensors are Medusa heads, and which files of a folder hold them. Needs no torch.

The layouts are told apart by tensor names, never by config:

- v0.1, heads only: ``{i}.{j}.linear.weight`` [H, H], ``{i}.{j}.linear.bias`` [H] and an output
  matrix ``{i}.{layers}.weight`` [V, H] a head;
- version 2 (here "shared"), heads only: the blocks alone; the base's output matrix serves;
- v1.0, merged: the whole model, and either of the above under the prefix ``medusa_head.``;
- vLLM, heads only, in a file named like a model's: ``blocks.{i}.layers.{j}.weight``, output
  matrices ``lm_heads.{i}.weight`` or one ``lm_head.weight`` for all, and a ``token_map`` where the
  vocabulary is cut down.

In each of them ``root.weight`` [H, H] makes them heads that see the root, which only this program
knows.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

from medusa_chat.errors import ModelError
from medusa_chat.models.remedy import bring_anew

HEADS_ONLY_FILES = ("medusa_lm_head.safetensors", "medusa_lm_head.pt")
WEIGHT_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.tiktoken",
    "*.spm",
)
"""Patterns of the names that files of tokenizers and chat templates have."""
MERGED_PREFIX = "medusa_head."
VLLM_PREFIX = "medusa_heads."
"""Written by some; vLLM takes it off."""

BLOCK = re.compile(r"(\d+)\.(\d+)\.linear\.(weight|bias)")
OUTPUT = re.compile(r"(\d+)\.(\d+)\.weight")
VLLM_BLOCK = re.compile(r"blocks\.(\d+)\.layers\.(\d+)\.(weight|bias)")
VLLM_OUTPUT = re.compile(r"lm_heads\.(\d+)\.weight|lm_head\.weight")
VOCABULARY_MAP = "token_map"
ROOT = "root.weight"

_LONGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit


def read_config(folder: Path) -> dict[str, Any]:
    """Return the folder's ``config.json``, empty when there is none. ModelError if broken."""
    return read_json(folder / "config.json")


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file, empty when there is none. Raises ModelError if broken."""
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read as JSON ({error}): {bring_anew(file)}.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} does not hold a JSON object: {bring_anew(file)}.")
    return config


def is_head(name: str) -> bool:
    """Return whether a tensor is part of a head by Medusa's own names, the prefix taken off."""
    return bool(BLOCK.fullmatch(name) or OUTPUT.fullmatch(name)) or name == ROOT


def are_vllm_heads(names: Collection[str]) -> bool:
    """Return whether these are the tensors of heads as vLLM has them, and of nothing else."""
    own = [name.removeprefix(VLLM_PREFIX) for name in names]
    return any(VLLM_BLOCK.fullmatch(name) for name in own) and all(
        VLLM_BLOCK.fullmatch(name) or VLLM_OUTPUT.fullmatch(name) or name in (VOCABULARY_MAP, ROOT)
        for name in own
    )


def is_heads_only(folder: Path) -> bool:
    """Return whether ``folder`` holds heads whose base model lies elsewhere.

    Raises ModelError for weights that are damaged.
    """
    if any((folder / name).is_file() for name in HEADS_ONLY_FILES):
        return True
    index, single, *pickles = (folder / name for name in WEIGHT_FILES)
    if index.is_file():
        return are_vllm_heads([name for names in shards(index).values() for name in names])
    if single.is_file():
        return are_vllm_heads(safetensors_names(single))
    # A pickle is not opened to learn that: vLLM's own kind of model tells.
    return any(file.is_file() for file in pickles) and _names_vllm(folder)


def _names_vllm(folder: Path) -> bool:
    return read_config(folder).get("model_type") == "medusa"


def safetensors_names(file: Path) -> list[str]:
    """Return the tensors' names, by the file's header alone. ModelError if that is damaged."""
    return list(safetensors_shapes(file))


def safetensors_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the tensors' shapes, by the file's header alone. ModelError if that is damaged."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > _LONGEST_HEADER_BYTES:
                raise ValueError("its header has no end")
            header = json.loads(opened.read(length))
        return {
            name: tuple(map(int, tensor["shape"]))
            for name, tensor in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, struct.error, TypeError, KeyError, AttributeError) as error:
        raise damaged(file, error) from error


def shards(index: Path) -> dict[str, list[str]]:
    """Return an index's files and the tensors in each. ModelError for one that is no index."""
    try:
        weight_map: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
        found: dict[str, list[str]] = {}
        for tensor, shard in weight_map.items():
            found.setdefault(shard, []).append(tensor)
        outside = any(Path(shard).name != shard for shard in found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} is not an index of weights: {bring_anew(index)}.") from error
    if outside:
        raise ModelError(f"{index} names files outside its folder: it is not to be trusted.")
    return found


def damaged(file: Path, error: Exception) -> ModelError:
    """Return what is to be said of a file that cannot be read."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ModelError(f"{file} is damaged or cut short ({reason[:120]}): {bring_anew(file)}.")
