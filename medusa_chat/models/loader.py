"""From a model's name to a decoder: find the files, load the base and the heads, check both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.lean.forward import LeanForward, lean_forward_for
from medusa_chat.decoding.lean.weights import unpack
from medusa_chat.decoding.step import Forward, StockForward
from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.decoding.tree_check import defect
from medusa_chat.errors import ModelError
from medusa_chat.models import checkpoint, template_choices, templates
from medusa_chat.models.base_model import import_libraries, load_base, load_tokenizer
from medusa_chat.models.chat_format import ChatFormat
from medusa_chat.models.context import context_tokens
from medusa_chat.models.device import (
    Placement,
    is_small,
    place,
    resolve_device,
    resolve_dtype,
    step_threads,
)
from medusa_chat.models.draft_precision import Heads, bytes_read, place_heads
from medusa_chat.models.files import ModelFiles, find_files
from medusa_chat.models.heads import MedusaHeads, root_table
from medusa_chat.models.memory_growth import MemoryGrowth, release_memory
from medusa_chat.models.out_of_memory import does_not_fit, is_out_of_memory
from medusa_chat.models.packed_linear import pack_linears
from medusa_chat.models.quantization import check_fp8, unfit, unfit_width, without_outliers
from medusa_chat.models.sampling_defaults import read_defaults
from medusa_chat.models.stages import Report
from medusa_chat.models.weight_progress import reporting_weights
from medusa_chat.settings import MAX_TREE_SIZE, ModelSettings, SamplingDefaults


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
    """Heads in use; a model without any may still draft from the conversation."""
    plain_reason: str | None
    """Why it can only decode plainly; None when it can check drafts."""
    notices: tuple[str, ...]
    defaults: SamplingDefaults
    """How its authors would have its tokens drawn."""
    stock_reason: str | None = None
    """Why transformers' own forward runs its steps; None where the lean one does."""
    memory_bytes: int | None = None
    """Measured: what it takes, cache and heads included; None where the system does not tell."""
    base: Any = None
    """The base as transformers loaded it, for measurements beside transformers' own decoding."""
    head_bytes: int = 0
    """Weights that the heads read a step, the base's output matrix too where they share it."""


def load(settings: ModelSettings, report: Report) -> LoadedModel:
    """Load the model of ``settings``, telling ``report`` each stage.

    Nothing is fetched: HubError, of the kind "missing", is raised for a model of the Hub that is
    not in its cache, and ModelError for one that cannot be read, decoded or held in memory, or
    whose heads do not fit it. UsageError for a chat template that does not exist.
    """
    _family(settings)  # a wrong name is told before anything is loaded
    report("Starting transformers", None)
    import_libraries(settings.quantization)
    files = find_files(settings)
    device = resolve_device(settings.device)
    if settings.quantization == "fp8":
        settings, files = _with_float8(settings, files, device)
    dtype = resolve_dtype(settings.dtype, device)
    growth = MemoryGrowth(device)
    report("Reading the heads", None)
    try:
        heads = checkpoint.read_heads(files.heads)
        stored = 0 if heads is None else sum(one.nbytes for one in heads.parameters())
        placement = place(settings.device, stored)
        loaded = _load(settings, files, heads, placement, dtype, report)
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise does_not_fit(files.base, device, dtype, settings.quantization) from error
    del heads  # as they were read: what drafts may be a copy in another precision
    release_memory()
    return dataclasses.replace(loaded, memory_bytes=growth.bytes)


def _load(
    settings: ModelSettings,
    files: ModelFiles,
    heads: MedusaHeads | None,
    placement: Placement,
    dtype: torch.dtype,
    report: Report,
) -> LoadedModel:
    with reporting_weights("Loading the weights", report):
        model = load_base(files.base, dtype, placement, settings.quantization)
    threads = StepThreads()
    if placement.device.type == "cpu":
        threads = step_threads(model.num_parameters())
    tokenizer = load_tokenizer(files.base)
    context, notices = context_tokens(model.config.get_text_config(), settings.context_tokens)
    report("Checking that it decodes trees", None)
    with without_outliers(model):
        forward, reason, stock_reason = _forward_of(model, context)
        if reason is not None:
            forward = StockForward(model, context, MAX_TREE_SIZE, own_mask=False)
            plain_defect = defect(model, forward, plain=True)
            if plain_defect is not None:
                raise _undecodable(settings, model, plain_defect)
    forward.threads = threads
    drafting: Heads | None = None
    roots: Tensor | None = None
    output = forward.output if isinstance(forward, LeanForward) else model.get_output_embeddings()
    if heads is not None:
        _check_fit(heads, model, files)
        matrix = model.get_output_embeddings().weight
        root_weight, heads.root_weight = heads.root_weight, None  # a table takes its place
        drafting = place_heads(heads, matrix.device, dtype, settings.head_precision, output, matrix)
        if root_weight is not None:
            embedding = model.get_input_embeddings().weight
            roots = root_table(root_weight, embedding, drafting.dtype).to(matrix.device)
    names = (settings.model, files.base_name, str(model.config.name_or_path))
    chat_format = ChatFormat(tokenizer, names, _eos_ids(model, tokenizer), _family(settings))
    if chat_format.notice:
        hint = f"--template names a better one: {', '.join(templates.FAMILIES)}."
        notices = (*notices, f"{chat_format.notice} {hint}")
    return LoadedModel(
        settings=settings,
        decoder=Decoder(
            forward,
            _head_logits(drafting, roots, model, output),
            chat_format.decode,
            head_tokens=None if drafting is None else drafting.token_map,
        ),
        format=chat_format,
        base_name=files.base_name,
        dtype=str(dtype).removeprefix("torch."),
        device=", ".join(placement.devices_of(model)),
        heads=heads.count if heads is not None and reason is None else 0,
        plain_reason=reason,
        stock_reason=stock_reason,
        notices=(*files.notices, *notices),
        defaults=read_defaults(files.base),
        base=model,
        head_bytes=0
        if heads is None or drafting is None
        else bytes_read(drafting, model.get_output_embeddings()),
    )


def _forward_of(model: Any, context: int) -> tuple[Forward, str | None, str | None]:
    """Return what runs steps, why it cannot check trees if it cannot, and why it is not the lean.

    The lean forward takes over the model's weights; the stock one runs what it is not made for.
    """
    large = not is_small(model.num_parameters())  # it would not bear to be kept twice
    lean = lean_forward_for(model, context, MAX_TREE_SIZE, spare=large)
    if isinstance(lean, LeanForward):
        reason = defect(model, lean)
        if reason is None:
            return lean, None, None
        unpack(model)
        lean = reason
    if model.device.type == "cpu" and not large:
        pack_linears(model)
    forward = StockForward(model, context, MAX_TREE_SIZE)
    return forward, defect(model, forward), lean


def _with_float8(
    settings: ModelSettings, files: ModelFiles, device: torch.device
) -> tuple[ModelSettings, ModelFiles]:
    """Return ``settings`` as they can be followed on ``device``, ``files`` with what is to say."""
    settings = dataclasses.replace(settings, dtype="bfloat16")
    reason = check_fp8(files.base, device)
    if reason is None:
        return settings, files
    notice = f"Loaded in bfloat16, not in float8: {reason}."
    settings = dataclasses.replace(settings, quantization="none")
    return settings, dataclasses.replace(files, notices=(*files.notices, notice))


def _family(settings: ModelSettings) -> str | None:
    """Return the family whose chat template the user named, now or when asked for it before."""
    family = settings.template or template_choices.recall(settings.model)
    return None if family is None else templates.family(family).name


def _undecodable(settings: ModelSettings, model: Any, defect: str) -> ModelError:
    width = unfit_width(model)
    if width is not None:
        return unfit(settings.model, width)
    remedy = "take another model"
    if settings.quantization != "none":
        remedy = f"leave out --load-in-{settings.quantization}, or {remedy}"
    return ModelError(f"{settings.model} cannot be decoded here: {defect}. To go on, {remedy}.")


def _check_fit(heads: MedusaHeads, model: Any, files: ModelFiles) -> None:
    hidden = model.get_output_embeddings().in_features
    if heads.hidden_size != hidden:
        raise ModelError(
            f"The heads in {files.heads} are for a hidden size of {heads.hidden_size}, but "
            f"{files.base_name} has {hidden}: name their own base with --base-model."
        )
    if heads.root_weight is not None and model.get_input_embeddings().embedding_dim != hidden:
        raise ModelError(
            f"The heads in {files.heads} see the root by an embedding of {hidden} numbers, and "
            f"{files.base_name} has another: name their own base with --base-model."
        )
    rows = model.get_output_embeddings().out_features
    vocabulary = heads.vocabulary
    if heads.token_map is not None:
        vocabulary = 1 + int(heads.token_map.max())
        if vocabulary < rows:  # the tokens that they know are among the base's
            return
    if vocabulary is not None and vocabulary != rows:
        raise ModelError(
            f"The heads in {files.heads} are for a vocabulary of {vocabulary}, "
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


def _head_logits(
    heads: Heads | None,
    roots: Tensor | None,
    model: Any,
    output: Callable[[Tensor], Tensor],
) -> HeadLogits:
    device = model.get_output_embeddings().weight.device  # of several, the last
    dtype = torch.float32 if heads is None else heads.dtype

    @torch.inference_mode()
    def head_logits(hidden: Tensor, depth: int, root: Tensor) -> Tensor:
        assert heads is not None, "without heads nothing is drafted"
        read = hidden.to(device, dtype)
        if roots is not None:
            read = read + roots.index_select(0, root.to(device))
        logits: Tensor = heads(read, output, depth)
        return logits[:, 0].to(hidden.device)

    return head_logits
