"""A base model and its tokenizer, by transformers, from a folder on this machine."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from medusa_chat.errors import ModelError
from medusa_chat.models.device import Placement
from medusa_chat.models.layout import read_config, read_json
from medusa_chat.models.out_of_memory import does_not_fit, is_out_of_memory
from medusa_chat.models.quantization import (
    import_bitsandbytes,
    let_go_of_files,
    quantization_config,
)
from medusa_chat.models.remedy import bring_anew
from medusa_chat.settings import Quantization

_LONGEST_REASON = 160


def load_base(
    folder: Path,
    dtype: torch.dtype,
    placement: Placement,
    quantization: Quantization = "none",
) -> Any:
    """Load the base model alone, in evaluation mode. Raises ModelError with the cause."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if "model_type" not in read_config(folder):
        raise ModelError(f"{folder} holds no model: its config.json names no model_type.")
    try:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            # Said at every door: unsaid, transformers would ask at the terminal.
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, in words of our own
            dtype=dtype,
            quantization_config=quantization_config(quantization, dtype),
            **placement.arguments,
        )
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"The model in {folder} was refused: a file is damaged, or holds code instead of "
            f"tensors alone. {bring_anew(folder, sentence=True)}, or take one with .safetensors "
            "files."
        ) from error
    except Exception as error:  # over broken files these libraries raise anything
        if is_out_of_memory(error):
            raise does_not_fit(folder, placement.device, dtype, quantization) from error
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"The model in {folder} comes with a program of its own, and such are never run: "
                "take one of an architecture that transformers knows."
            ) from error
        raise ModelError(
            f"The model in {folder} cannot be loaded ({_reason(error)}): {bring_anew(folder)}, or "
            "take another."
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        count = "a tensor is" if len(missing) == 1 else f"{len(missing)} tensors are"
        raise ModelError(
            f"The model in {folder} is incomplete: {count} missing ({missing[0]}). "
            f"{bring_anew(folder, sentence=True)}."
        )
    for name, stored, needed in sorted(info["mismatched_keys"]):
        raise ModelError(
            f"The model in {folder} contradicts its config.json: {name} is {list(stored)}, "
            f"not {list(needed)}. {bring_anew(folder, sentence=True)}."
        )
    if {"cpu", "disk"} & set(placement.devices_of(model)) and placement.device.type != "cpu":
        raise does_not_fit(folder, placement.device, dtype, quantization)
    if quantization != "none":
        let_go_of_files(model)
    return model.eval()


def import_libraries(quantization: Quantization) -> None:
    """Import what loading will import anyway: some 100 MB that are no part of a model's memory."""
    from transformers import AutoTokenizer, modeling_utils  # noqa: F401
    from transformers.generation import utils  # noqa: F401

    if quantization in ("8bit", "4bit"):
        import_bitsandbytes(quantization)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer that lies beside a base model. Raises ModelError with the cause."""
    import transformers

    try:
        auto: Any = transformers.AutoTokenizer
        if _is_llamas_sentencepiece(folder):
            auto = transformers.LlamaTokenizer
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises that very class
        raise ModelError(
            f"The tokenizer in {folder} cannot be loaded ({_reason(error)}): {bring_anew(folder)}."
        ) from error


def _is_llamas_sentencepiece(folder: Path) -> bool:
    """Return whether the tokenizer is a ``tokenizer.model`` alone, by its own word of Llama's kind.

    For the weights of a Mistral, as Zephyr's, transformers 5 does not take that word: it converts
    the file without the space that sentencepiece puts before a text.
    """
    if (folder / "tokenizer.json").is_file() or not (folder / "tokenizer.model").is_file():
        return False
    kind = read_json(folder / "tokenizer_config.json").get("tokenizer_class")
    return kind in ("LlamaTokenizer", "LlamaTokenizerFast")


def _reason(error: Exception) -> str:
    """Return what a library says, in one line."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else words[:_LONGEST_REASON] + "…"
