"""Reading and writing Medusa heads, in every layout that ``layout`` tells.

Published configs are often wrong about the number of heads, so that is counted from the tensors.
"""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from medusa_chat.errors import ModelError
from medusa_chat.models import vllm_layout
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.layout import (
    BLOCK,
    HEADS_ONLY_FILES,
    MERGED_PREFIX,
    OUTPUT,
    ROOT,
    VOCABULARY_MAP,
    WEIGHT_FILES,
    are_vllm_heads,
    damaged,
    is_head,
    read_config,
    shards,
)
from medusa_chat.models.out_of_memory import is_out_of_memory
from medusa_chat.models.remedy import bring_anew

KIND_FIELD, ROOT_KIND = "medusa_heads_kind", "root"
"""What the config of heads that see the root says, for people: readers go by the tensors."""


def stored_dtype(folder: Path) -> torch.dtype:
    """Return the precision a model was published in, by its config; float32 if that is silent."""
    config = read_config(folder)
    name = config.get("dtype") or config.get("torch_dtype")
    dtype = getattr(torch, name, None) if isinstance(name, str) else None
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def read_heads(folder: Path) -> MedusaHeads | None:
    """Return the heads that ``folder`` holds in any layout, or None when it holds none.

    Raises ModelError for a file that is damaged, holds code, or whose tensors make no heads.
    """
    tensors = _head_tensors(folder)
    return _assemble(tensors, folder) if tensors else None


def write_heads(heads: MedusaHeads, folder: Path, base_model: str) -> None:
    """Write ``heads`` as v0.1, or version 2 when they share the base's output matrix.

    ``base_model`` is a Hub id or a path; a relative one is resolved against ``folder`` by readers.
    Each file is written whole before it takes its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{HEADS_ONLY_FILES[0]}.part"
    save_file(named_tensors(heads), part)
    config_part = folder / "config.json.part"
    config_part.write_text(json.dumps(config_of(heads, base_model), indent=2) + "\n", "utf-8")
    # safetensors keeps its files from all other users of the machine, for no reason of ours.
    shutil.copymode(config_part, part)
    part.replace(folder / HEADS_ONLY_FILES[0])
    config_part.replace(folder / "config.json")


def config_of(heads: MedusaHeads, base_model: str) -> dict[str, Any]:
    """Return the config that v0.1 has or, where the base's matrix serves, version 2."""
    config: dict[str, Any] = {
        "base_model_name_or_path": base_model,
        "medusa_num_heads": heads.count,
        "medusa_num_layers": heads.layers,
    }
    if heads.output_weight is None:
        config["version"] = "2"
    if heads.root_weight is not None:
        config[KIND_FIELD] = ROOT_KIND
    return config


def named_tensors(heads: MedusaHeads) -> dict[str, Tensor]:
    """Return the heads' tensors by the names of v0.1 or, where the base's matrix serves, version 2.

    Each has a storage of its own: slices of one would each be written whole.
    """
    tensors: dict[str, Tensor] = {}
    for head in range(heads.count):
        for layer in range(heads.layers):
            name = f"{head}.{layer}.linear"
            tensors[f"{name}.weight"] = heads.block_weight[layer, head].detach().clone()
            tensors[f"{name}.bias"] = heads.block_bias[layer, head].detach().clone()
        if heads.output_weight is not None:
            output = heads.output_weight[head].detach().clone()
            tensors[f"{head}.{heads.layers}.weight"] = output
    if heads.root_weight is not None:
        tensors[ROOT] = heads.root_weight.detach().clone()
    return tensors


def _head_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the heads' tensors by their heads-only names, from the first file that holds any."""
    for name in (*HEADS_ONLY_FILES, *WEIGHT_FILES):
        if not (folder / name).is_file():
            continue
        files = tensor_files(folder / name)
        if are_vllm_heads([tensor for _, names in files for tensor in names]):
            return vllm_layout.renamed(
                {
                    key: value
                    for file, names in files
                    for key, value in load_tensors(file, names).items()
                },
                folder,
            )
        found: dict[str, Tensor] = {}
        for file, names in files:
            wanted = {tensor: tensor.removeprefix(MERGED_PREFIX) for tensor in names}
            wanted = {tensor: own for tensor, own in wanted.items() if is_head(own)}
            if wanted:
                loaded = load_tensors(file, wanted)
                found |= {own: loaded[tensor] for tensor, own in wanted.items()}
        if found:
            return found
        if name in HEADS_ONLY_FILES:
            raise ModelError(f"{folder / name} holds no tensor of a Medusa head.")
    return {}


def tensor_files(file: Path) -> list[tuple[Path, list[str]]]:
    """Return the files that ``file`` stands for (itself, or an index's shards) and their names.

    Raises ModelError for a file that is damaged or holds code.
    """
    if file.suffix != ".json":
        return [(file, _names(file))]
    return [(file.parent / shard, names) for shard, names in shards(file).items()]


def _names(file: Path) -> list[str]:
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt") as opened:
                return list(opened.keys())
        except (SafetensorError, OSError) as error:
            raise damaged(file, error) from error
    return list(_unpickle(file))


def load_tensors(file: Path, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the tensors of these names; those of a pickle stay on the disk until they are used.

    Raises ModelError for a file that is damaged, holds code, or lacks one of them.
    """
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                return {name: opened.get_tensor(name) for name in names}
        tensors = _unpickle(file)
        return {name: tensors[name] for name in names}
    except (SafetensorError, OSError, KeyError) as error:
        raise damaged(file, error) from error


def _unpickle(file: Path) -> dict[str, Tensor]:
    """Read a ``.pt`` or ``.bin`` file as tensors alone: a pickle that holds code is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with the file is said below
            loaded = torch.load(
                file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
            )
    except pickle.UnpicklingError as error:
        # weights_only says this both of code and of a file that is no pickle at all.
        raise ModelError(
            f"{file} was refused: it is damaged, or holds code instead of tensors alone. "
            f"{bring_anew(file, sentence=True)}, or use .safetensors."
        ) from error
    except Exception as error:  # a damaged pickle raises anything at all
        if is_out_of_memory(error):
            raise
        raise damaged(file, error) from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{file} holds no tensors by name: it is not a checkpoint of heads.")
    return {name: value for name, value in loaded.items() if isinstance(value, Tensor)}


def _assemble(tensors: dict[str, Tensor], folder: Path) -> MedusaHeads:
    blocks = [match.groups() for match in map(BLOCK.fullmatch, tensors) if match]
    count = 1 + max((int(head) for head, _, _ in blocks), default=-1)
    layers = 1 + max((int(layer) for _, layer, _ in blocks), default=-1)
    try:
        if not blocks:
            raise KeyError("0.0.linear.weight")
        weight, bias = (
            torch.stack(
                [
                    torch.stack([tensors[f"{head}.{layer}.linear.{kind}"] for head in range(count)])
                    for layer in range(layers)
                ]
            )
            for kind in ("weight", "bias")
        )
        state = {"block_weight": weight, "block_bias": bias}
        if vllm_layout.ONE_OUTPUT in tensors:
            state["output_weight"] = tensors[vllm_layout.ONE_OUTPUT][None]
        elif any(OUTPUT.fullmatch(name) for name in tensors):
            state["output_weight"] = torch.stack(
                [tensors[f"{head}.{layers}.weight"] for head in range(count)]
            )
        if VOCABULARY_MAP in tensors:
            state["token_map"] = tensors[VOCABULARY_MAP]
        if ROOT in tensors:
            state["root_weight"] = tensors[ROOT]
    except KeyError as error:
        raise ModelError(
            f"The heads in {folder} are incomplete: tensor {error} is missing."
        ) from error
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(f"The heads in {folder} differ in shape: {error}.") from error
    try:
        return MedusaHeads.of(state)
    except (RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"The heads in {folder} have shapes that make no heads: {reason}."
        ) from error
