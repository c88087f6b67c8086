"""What a model's folder tells about it without loading it: layout, heads, base, shape, sizes.

Only configurations, indexes and the headers of safetensors files are read. What a pickle holds, or
a damaged file, stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medusa_chat.errors import ModelError
from medusa_chat.models import layout
from medusa_chat.models.hub.contents import heads_file, weights
from medusa_chat.models.registry import Layout
from medusa_chat.models.shape import HeadShape, ModelShape, context_of, shape_of

_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_STORED_BYTES = {"float32": 4, "float64": 8}
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of one folder. None is "not known"."""

    layout: Layout | None
    """None for a model without heads as well."""
    heads: HeadShape | None
    base: str | None
    """The base that heads alone name."""
    shape: ModelShape | None
    context_tokens: int | None
    weights_bytes: int
    """Of the files that hold a whole model."""
    stored_bytes: int
    """Of one weight in them."""
    total_bytes: int
    is_heads_alone: bool
    """Whether the model that they belong to lies elsewhere."""
    is_model: bool
    """Whether it looks like a causal language model, or Medusa heads."""


def inspect(folder: Path) -> Inspection:
    """Return what ``folder`` tells. Whatever is wrong with it is left unknown: loading says it."""
    sizes = sizes_in(folder)
    config = _config(folder)
    shapes = _tensors(folder, sizes)
    alone = heads_file(sizes) is not None
    found, heads = _heads(shapes, alone=alone)
    are_alone = alone or found == "vllm" or config.get("model_type") == "medusa"
    architectures = config.get("architectures")
    return Inspection(
        layout=found,
        heads=heads,
        base=_base(config),
        shape=shape_of(config),
        context_tokens=context_of(config),
        weights_bytes=sum(sizes[name] for name in weights(sizes) if not name.endswith(".json")),
        stored_bytes=stored_bytes(config),
        total_bytes=sum(sizes.values()),
        is_heads_alone=are_alone,
        is_model=found is not None
        or are_alone
        or (
            isinstance(architectures, list)
            and any(str(name).endswith(_CAUSAL) for name in architectures)
        ),
    )


def stored_bytes(config: Mapping[str, Any]) -> int:
    """Return the bytes of a weight in a model's files, by its configuration."""
    return _STORED_BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), 2)


def sizes_in(folder: Path) -> dict[str, int]:
    """Return the bytes of the files in ``folder`` itself, by name; none of an unreadable one."""
    sizes = {}
    try:
        for file in folder.iterdir():
            if file.is_file():
                sizes[file.name] = file.stat().st_size
    except OSError:
        pass
    return sizes


def _config(folder: Path) -> dict[str, Any]:
    try:
        return layout.read_config(folder)
    except ModelError:
        return {}


def _base(config: dict[str, Any]) -> str | None:
    base = config.get("base_model_name_or_path")
    is_name = isinstance(base, str) and 0 < len(base) <= _LONGEST_NAME and base.isprintable()
    return str(base) if is_name else None


def _tensors(folder: Path, sizes: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return all tensors' shapes by name, where the names can be had without a pickle.

    An index tells no shapes: they are empty.
    """
    alone = heads_file(sizes)
    held = weights(sizes)
    index = next((name for name in held if name.endswith(".json")), None)
    single = alone or next(iter(held), None)
    try:
        if alone is None and index is not None:
            shards = layout.shards(folder / index).values()
            return {name: () for names in shards for name in names}
        if single is not None and single.endswith(".safetensors"):
            return layout.safetensors_shapes(folder / single)
    except ModelError:
        pass
    return {}


def _heads(
    shapes: Mapping[str, tuple[int, ...]], *, alone: bool
) -> tuple[Layout | None, HeadShape | None]:
    if shapes and layout.are_vllm_heads(shapes):
        own = {name.removeprefix(layout.VLLM_PREFIX): shape for name, shape in shapes.items()}
        places = _places(own, layout.VLLM_BLOCK)
        tokens = own.get(layout.VOCABULARY_MAP)
        outputs = any(map(layout.VLLM_OUTPUT.fullmatch, own))
        vocabulary = tokens[0] if tokens and outputs else None
        # vLLM's names in a file where vLLM does not look: what this program alone reads.
        heads = _counted(places, outputs, layout.ROOT in own, vocabulary)
        return "own" if alone else "vllm", heads
    prefix = "" if alone else layout.MERGED_PREFIX
    names = [name.removeprefix(prefix) for name in shapes if name.startswith(prefix)]
    places = _places(names, layout.BLOCK)
    if not places:
        return None, None
    outputs = any(map(layout.OUTPUT.fullmatch, names))
    heads = _counted(places, outputs, layout.ROOT in names)
    return ("merged" if not alone else "v0.1" if outputs else "shared"), heads


def _places(names: Iterable[str], block: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return the head and the layer of each tensor that is part of a block."""
    return [(int(found[1]), int(found[2])) for found in map(block.fullmatch, names) if found]


def _counted(
    places: list[tuple[int, int]],
    own_output: bool,
    sees_root: bool,
    vocabulary: int | None = None,
) -> HeadShape:
    count = 1 + max(head for head, _ in places)
    layers = 1 + max(layer for _, layer in places)
    return HeadShape(count, layers, own_output, vocabulary, sees_root)
