"""From a model's name to a decoder: find the files, load the base and the heads, check both."""

from __future__ import annotations

import importlib.util
import logging
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.step import StockForward
from medusa_chat.decoding.tree_check import defect
from medusa_chat.errors import ModelError
from medusa_chat.models import checkpoint, layout, registry
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.device import resolve_device, resolve_dtype, use_threads_for
from medusa_chat.models.draft_precision import place_heads
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.hub import Report, local_folder
from medusa_chat.models.packed_linear import pack_linears
from medusa_chat.settings import MAX_TREE_SIZE, ModelSettings, Quantization

_DEFAULT_CONTEXT = 2048
"""For a model whose configuration names none (ALiBi has no last position)."""

_LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model lies: its base's folder, and the heads' (the same one when merged)."""

    base: Path
    base_name: str
    heads: Path | None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to decode, and what is to be said about it."""

    settings: ModelSettings
    decoder: Decoder
    format: ChatFormat
    base_name: str
    dtype: str
    device: str
    heads: int
    """Heads in use; 0 when the model can only decode plainly."""
    plain_reason: str | None
    notices: tuple[str, ...]


def find_files(settings: ModelSettings, report: Report) -> ModelFiles:
    """Find, and fetch where need be, the files of ``settings.model``.

    Raises ModelError for a missing folder or model, and for one without heads when they are needed.
    """
    known = registry.find(settings.model)
    notices: list[str] = []
    name = settings.model
    if known is not None and known.name != settings.model:
        name = known.name
        notices.append(f"{settings.model} is called {name} on the Hub: that one is used.")
    shipped = None if known is None else known.local_folder
    folder = shipped or local_folder(name, report)
    base_name = settings.base_model
    if base_name is not None:
        base = local_folder(base_name, report)
    elif layout.is_heads_only(folder):
        base_name = _base_of(folder)
        base = _base_folder(folder, base_name, report)
    else:
        base, base_name = folder, name
    return ModelFiles(base, base_name, folder, tuple(notices))


def load_base(
    folder: Path, dtype: torch.dtype, device: torch.device, quantization: Quantization = "none"
) -> Any:
    """Load the base model alone, in evaluation mode. Raises ModelError with the cause."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if "model_type" not in layout.read_config(folder):
        raise ModelError(f"{folder} holds no model: its config.json names no model_type.")
    arguments: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if quantization != "none":
        arguments["quantization_config"] = _quantization(quantization, dtype)
    try:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, in words of our own
            **arguments,
        )
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{folder.name} does not fit in the memory of {device}: take a smaller model, or, "
            "to chat, --load-in-8bit or --load-in-4bit."
        ) from error
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"The model in {folder} was refused: a file is damaged, or holds code instead of "
            "tensors alone. Download it again, or take one with .safetensors files."
        ) from error
    except Exception as error:  # over broken files these libraries raise anything
        raise ModelError(
            f"The model in {folder} cannot be loaded ({_reason(error)}): "
            "download it again, or take another."
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        count = "a tensor is" if len(missing) == 1 else f"{len(missing)} tensors are"
        raise ModelError(
            f"The model in {folder} is incomplete: {count} missing ({missing[0]}). "
            "Download it again."
        )
    for name, stored, needed in sorted(info["mismatched_keys"]):
        raise ModelError(
            f"The model in {folder} contradicts its config.json: {name} is {list(stored)}, "
            f"not {list(needed)}. Download it again."
        )
    return model.eval()


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer that lies beside a base model. Raises ModelError with the cause."""
    import transformers

    try:
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises that very class
        raise ModelError(
            f"The tokenizer in {folder} cannot be loaded ({_reason(error)}): download it again."
        ) from error


def load(settings: ModelSettings, report: Report) -> LoadedModel:
    """Load the model of ``settings``, telling ``report`` each stage.

    Raises ModelError when it cannot be found, read or decoded, or when its heads do not fit.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.dtype, device)
    files = find_files(settings, report)
    report("Reading the heads")
    heads = None if files.heads is None else checkpoint.read_heads(files.heads)
    if heads is None and settings.heads_required:
        raise ModelError(
            f"{settings.model} has no Medusa heads: --no-medusa chats with the base model alone."
        )
    report(f"Loading {files.base_name}")
    model = load_base(files.base, dtype, device, settings.quantization)
    if device.type == "cpu" and use_threads_for(model.num_parameters()) == 1:
        pack_linears(model)
    tokenizer = load_tokenizer(files.base)
    context, notices = _context(model.config.get_text_config())
    report("Checking that it decodes trees")
    forward = StockForward(model, context, MAX_TREE_SIZE)
    reason = defect(model, forward)
    if reason is not None:
        forward = StockForward(model, context, MAX_TREE_SIZE, own_mask=False)
        plain_defect = defect(model, forward, plain=True)
        if plain_defect is not None:
            remedy = "take another model"
            if settings.quantization != "none":
                remedy = f"leave out --load-in-{settings.quantization}, or {remedy}"
            raise ModelError(
                f"{settings.model} cannot be decoded here: {plain_defect}. To go on, {remedy}."
            )
    elif heads is None:
        reason = "the model has no Medusa heads"
    if heads is not None:
        _check_fit(heads, model, files)
        heads = place_heads(heads, forward.device, dtype)
    names = (settings.model, files.base_name, str(model.config.name_or_path))
    chat_format = ChatFormat(tokenizer, names, _eos_ids(model, tokenizer))
    if chat_format.notice:
        notices = (*notices, chat_format.notice)
    return LoadedModel(
        settings=settings,
        decoder=Decoder(forward, _head_logits(heads, model), chat_format.decode),
        format=chat_format,
        base_name=files.base_name,
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        heads=heads.count if heads is not None and reason is None else 0,
        plain_reason=reason,
        notices=(*files.notices, *notices),
    )


def _base_of(heads_folder: Path) -> str:
    base = layout.read_config(heads_folder).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"The heads in {heads_folder} do not say which model they belong to: "
            "name it with --base-model."
        )
    return base


def _base_folder(heads_folder: Path, base_name: str, report: Report) -> Path:
    """Return the folder of the base that the heads' config names; a relative path is theirs."""
    beside = heads_folder / base_name
    if beside.is_dir():
        return beside.resolve()
    try:
        return local_folder(base_name, report)
    except ModelError as error:
        raise ModelError(
            f"The base of the heads in {heads_folder} is not here: {error}\n"
            "Another copy of it can be named with --base-model."
        ) from error


def _quantization(quantization: Quantization, dtype: torch.dtype) -> Any:
    import transformers

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"--load-in-{quantization} needs bitsandbytes, which is not installed: "
            "pip install bitsandbytes, or leave the option out."
        )
    # It says at every product that it casts its input, and which kernels it does without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if quantization == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _context(config: Any) -> tuple[int, tuple[str, ...]]:
    """Return the tokens that the model has room for, and what is to be said about it.

    A sliding window would take a rolling cache, in which a tree cannot be moved: the context ends
    where the window would begin to slide.
    """
    context: int = getattr(config, "max_position_embeddings", None) or _DEFAULT_CONTEXT
    window: int | None = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = kinds is None or "sliding_attention" in kinds
    if window and slides and window < context:
        return window, (
            f"The context ends at {window} of {context} tokens, the model's attention window.",
        )
    return context, ()


def _check_fit(heads: MedusaHeads, model: Any, files: ModelFiles) -> None:
    hidden = model.get_output_embeddings().in_features
    if heads.hidden_size != hidden:
        raise ModelError(
            f"The heads in {files.heads} are for a hidden size of {heads.hidden_size}, but "
            f"{files.base_name} has {hidden}: name their own base with --base-model."
        )
    rows = model.get_output_embeddings().out_features
    if heads.output_weight is not None and heads.output_weight.shape[1] != rows:
        raise ModelError(
            f"The heads in {files.heads} are for a vocabulary of {heads.output_weight.shape[1]}, "
            f"but {files.base_name} has {rows}: name their own base with --base-model."
        )


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    ids: set[int] = set()
    for eos in (
        getattr(model.generation_config, "eos_token_id", None),
        getattr(model.config.get_text_config(), "eos_token_id", None),
        tokenizer.eos_token_id,
    ):
        ids.update(eos if isinstance(eos, list) else [] if eos is None else [eos])
    return frozenset(ids)


def _head_logits(heads: MedusaHeads | None, model: Any) -> HeadLogits:
    output = model.get_output_embeddings()

    @torch.inference_mode()
    def head_logits(hidden: Tensor, depth: int) -> Tensor:
        assert heads is not None, "without heads nothing is drafted"
        logits: Tensor = heads(hidden.to(heads.dtype), output, depth)
        return logits[:, 0]

    return head_logits


def _reason(error: Exception) -> str:
    """Return what a library says, in one line."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else words[:_LONGEST_REASON] + "…"
