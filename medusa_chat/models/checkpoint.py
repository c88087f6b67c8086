"""Reading and writing Medusa heads. The layouts are told apart by tensor names, never by config.

- v0.1, heads only: ``{i}.{j}.linear.weight`` [H, H], ``{i}.{j}.linear.bias`` [H] and an output
  matrix ``{i}.{layers}.weight`` [V, H] a head;
- version 2 (here "shared"), heads only: the blocks alone; the base's output matrix serves;
- v1.0, merged: the whole model, and either of the above under the prefix ``medusa_head.``.

Published configs are often wrong about the number of heads, so that is counted from the tensors.
"""

from __future__ import annotations

import json
import pickle
import re
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
from medusa_chat.models.heads import MedusaHeads

HEADS_ONLY_FILES = ("medusa_lm_head.safetensors", "medusa_lm_head.pt")
_MERGED_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
_PREFIX = "medusa_head."
_BLOCK = re.compile(r"(\d+)\.(\d+)\.linear\.(weight|bias)")
_OUTPUT = re.compile(r"(\d+)\.(\d+)\.weight")


def is_heads_only(folder: Path) -> bool:
    """Return whether ``folder`` holds heads whose base model lies elsewhere."""
    return any((folder / name).is_file() for name in HEADS_ONLY_FILES)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the folder's ``config.json``, empty when there is none. ModelError if broken."""
    file = folder / "config.json"
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read as JSON ({error}): download it again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} does not hold a JSON object: download it again.")
    return config


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
    tensors: dict[str, Tensor] = {}
    for head in range(heads.count):
        for layer in range(heads.layers):
            name = f"{head}.{layer}.linear"
            tensors[f"{name}.weight"] = heads.block_weight[layer, head].detach().contiguous()
            tensors[f"{name}.bias"] = heads.block_bias[layer, head].detach().contiguous()
        if heads.output_weight is not None:
            output = heads.output_weight[head].detach().contiguous()
            tensors[f"{head}.{heads.layers}.weight"] = output
    config = {
        "base_model_name_or_path": base_model,
        "medusa_num_heads": heads.count,
        "medusa_num_layers": heads.layers,
    }
    if heads.output_weight is None:
        config["version"] = "2"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{HEADS_ONLY_FILES[0]}.part"
    # Cloned: slices of one storage would each be written whole.
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, part)
    config_part = folder / "config.json.part"
    config_part.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    # safetensors keeps its files from all other users of the machine, for no reason of ours.
    shutil.copymode(config_part, part)
    part.replace(folder / HEADS_ONLY_FILES[0])
    config_part.replace(folder / "config.json")


def _head_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the heads' tensors by their heads-only names, from the first file that holds any."""
    for name in (*HEADS_ONLY_FILES, *_MERGED_FILES):
        if not (folder / name).is_file():
            continue
        found: dict[str, Tensor] = {}
        for file, names in _tensor_files(folder / name):
            wanted = {tensor: tensor.removeprefix(_PREFIX) for tensor in names}
            wanted = {tensor: own for tensor, own in wanted.items() if _is_head(own)}
            if wanted:
                loaded = _load(file, wanted)
                found |= {own: loaded[tensor] for tensor, own in wanted.items()}
        if found:
            return found
        if name in HEADS_ONLY_FILES:
            raise ModelError(f"{folder / name} holds no tensor of a Medusa head.")
    return {}


def _is_head(name: str) -> bool:
    return bool(_BLOCK.fullmatch(name) or _OUTPUT.fullmatch(name))


def _tensor_files(file: Path) -> list[tuple[Path, list[str]]]:
    """Return the files that ``file`` stands for (itself, or an index's shards) and their names."""
    if file.suffix != ".json":
        return [(file, _names(file))]
    try:
        weight_map: dict[str, str] = json.loads(file.read_text("utf-8"))["weight_map"]
        shards: dict[str, list[str]] = {}
        for tensor, shard in weight_map.items():
            shards.setdefault(shard, []).append(tensor)
        outside = any(Path(shard).name != shard for shard in shards)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{file} is not an index of weights: download it again.") from error
    if outside:
        raise ModelError(f"{file} names files outside its folder: it is not to be trusted.")
    return [(file.parent / shard, names) for shard, names in shards.items()]


def _names(file: Path) -> list[str]:
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt") as opened:
                return list(opened.keys())
        except (SafetensorError, OSError) as error:
            raise _damaged(file, error) from error
    return list(_unpickle(file))


def _load(file: Path, names: Iterable[str]) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                return {name: opened.get_tensor(name) for name in names}
        tensors = _unpickle(file)
        return {name: tensors[name] for name in names}
    except (SafetensorError, OSError, KeyError) as error:
        raise _damaged(file, error) from error


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
            "Download it again, or use .safetensors."
        ) from error
    except Exception as error:  # a damaged pickle raises anything at all
        raise _damaged(file, error) from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{file} holds no tensors by name: it is not a checkpoint of heads.")
    return {name: value for name, value in loaded.items() if isinstance(value, Tensor)}


def _damaged(file: Path, error: Exception) -> ModelError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ModelError(f"{file} is damaged or cut short ({reason[:120]}): download it again.")


def _assemble(tensors: dict[str, Tensor], folder: Path) -> MedusaHeads:
    blocks = [match.groups() for match in map(_BLOCK.fullmatch, tensors) if match]
    count = 1 + max((int(head) for head, _, _ in blocks), default=-1)
    layers = 1 + max((int(layer) for _, layer, _ in blocks), default=-1)
    try:
        if not blocks:
            raise KeyError("0.0.linear.weight")
        weight = [
            torch.stack([tensors[f"{head}.{layer}.linear.weight"] for head in range(count)])
            for layer in range(layers)
        ]
        bias = [
            torch.stack([tensors[f"{head}.{layer}.linear.bias"] for head in range(count)])
            for layer in range(layers)
        ]
        outputs = [name for name in tensors if _OUTPUT.fullmatch(name)]
        output = (
            torch.stack([tensors[f"{head}.{layers}.weight"] for head in range(count)])
            if outputs
            else None
        )
    except KeyError as error:
        raise ModelError(
            f"The heads in {folder} are incomplete: tensor {error} is missing."
        ) from error
    except RuntimeError as error:
        raise ModelError(f"The heads in {folder} differ in shape: {error}.") from error
    try:
        hidden = weight[0].shape[-1]
        heads = MedusaHeads(count, layers, hidden, None if output is None else output.shape[1])
        heads.load_state_dict(
            {
                "block_weight": torch.stack(weight),
                "block_bias": torch.stack(bias),
                **({} if output is None else {"output_weight": output}),
            },
            assign=True,
        )
    except (RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"The heads in {folder} have shapes that make no heads: {reason}."
        ) from error
    return heads.requires_grad_(False)
