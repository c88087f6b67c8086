"""A base model's own files: its weights by name, its output matrix, and what else belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medusa_chat.errors import ModelError
from medusa_chat.models.base_model import load_base
from medusa_chat.models.checkpoint import load_tensors, stored_dtype, tensor_files
from medusa_chat.models.device import Placement
from medusa_chat.models.layout import MERGED_PREFIX, TOKENIZER_FILES, WEIGHT_FILES, is_head
from medusa_chat.models.remedy import bring_anew

_OTHER_FILES = (
    "generation_config.json",
    *TOKENIZER_FILES,
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "USE_POLICY*",
)


def base_tensors(folder: Path) -> list[tuple[Path, list[str]]]:
    """Return the files of a base's weights and the tensors in each, those of heads left out.

    Raises ModelError when there are none, or a file is damaged.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return [
                (file, [tensor for tensor in names if not _of_heads(tensor)])
                for file, names in tensor_files(folder / name)
            ]
    raise ModelError(f"{folder} holds no weights of a base: {bring_anew(folder)}.")


def _of_heads(name: str) -> bool:
    return name.startswith(MERGED_PREFIX) or is_head(name)


def other_files(folder: Path) -> list[Path]:
    """Return what belongs to a base beside weights and config: tokenizer, settings, licence."""
    found = {file for pattern in _OTHER_FILES for file in folder.glob(pattern) if file.is_file()}
    return sorted(found)


def output_matrix(folder: Path) -> Tensor:
    """Return the base's output matrix [V, H] as it is stored, by the name its architecture has.

    Raises ModelError for an architecture that is not known, one whose output has a bias, which
    heads have none of, and weights without that tensor.
    """
    names = _output_names(folder)
    for file, tensors in base_tensors(folder):
        for name in names:
            if name in tensors:
                return load_tensors(file, [name])[name]
    # Some tensors have another name on the disk, which transformers changes as it loads them.
    model = load_base(folder, stored_dtype(folder), Placement(torch.device("cpu")))
    matrix: Tensor = model.get_output_embeddings().weight.detach()
    return matrix


def _output_names(folder: Path) -> list[str]:
    """Return what the output matrix may be called, that of tied embeddings last."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):  # names alone, and no weights
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # over broken configs these libraries raise anything
        reason = " ".join(str(error).split())[:160]
        raise ModelError(
            f"The architecture of {folder} is not known ({reason}): {bring_anew(folder)}, or take "
            "another base."
        ) from error
    output = model.get_output_embeddings()
    if getattr(output, "bias", None) is not None:
        raise ModelError(
            f"The output of {folder} has a bias, and heads with output matrices of their own have "
            "none: only --to shared keeps these heads as they are."
        )
    wanted = [output.weight]
    if getattr(config.get_text_config(), "tie_word_embeddings", False):
        wanted.append(model.get_input_embeddings().weight)
    named = list(model.named_parameters(remove_duplicate=False))
    return [name for one in wanted for name, parameter in named if parameter is one]
