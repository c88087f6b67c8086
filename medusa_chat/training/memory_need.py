"""How much memory a training will take: an estimate, made before anything is loaded. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat.models.memory import NF4_BYTES
from medusa_chat.models.shape import HeadShape, ModelShape
from medusa_chat.quantities import size
from medusa_chat.training.settings import TrainSettings

_LEARNING_BYTES = 16
"""Of a weight that learns: itself, its gradient and two moments, in float32 each."""
_ROW_SCALE_BYTES = 4
_RUNTIME_BYTES = {"cpu": 600_000_000, "cuda": 900_000_000}
"""The libraries, and on CUDA the driver's context and what the allocator leaves unused."""
_PIECE_ROWS = {"cpu": 512, "cuda": 2048}
"""Positions whose logits are made at once (``head_pass``)."""
_COPIES_OF_LOGITS = 4
"""Logits, their softmax, the gradient, and one in half precision."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a training takes on its device, in bytes."""

    base_bytes: int
    heads_bytes: int
    """With gradients and moments; so are the next."""
    adapters_bytes: int
    activations_bytes: int
    runtime_bytes: int

    @property
    def total(self) -> int:
        """All of it."""
        return (
            self.base_bytes
            + self.heads_bytes
            + self.adapters_bytes
            + self.activations_bytes
            + self.runtime_bytes
        )

    @property
    def words(self) -> str:
        """The parts, for a person."""
        adapters = f"adapters {size(self.adapters_bytes)}, " if self.adapters_bytes else ""
        return (
            f"base {size(self.base_bytes)}, {adapters}heads with their optimizer "
            f"{size(self.heads_bytes)}, activations {size(self.activations_bytes)}"
        )


def memory_need(
    shape: ModelShape, settings: TrainSettings, *, kind: str, dtype_bytes: int, tokens: int
) -> MemoryNeed:
    """Return what training takes on a device of this ``kind``, ``cpu`` or ``cuda``.

    ``dtype_bytes`` is what a weight of the base takes that is not quantised, and ``tokens`` are
    those of a batch, padding included.
    """
    sees_root = settings.heads_kind == "root"
    heads = HeadShape(
        settings.heads, settings.layers, settings.layout == "v0.1", sees_root=sees_root
    )
    joint = settings.stage == "medusa-2"
    whole = joint and not settings.lora_rank
    adapters = _adapter_parameters(shape, settings) if joint else 0
    base = shape.parameters * _LEARNING_BYTES if whole else _frozen(shape, settings, dtype_bytes)
    if whole and settings.base_loss == "teacher":
        base += shape.parameters * 4
    return MemoryNeed(
        base_bytes=base,
        heads_bytes=heads.parameters(shape) * _LEARNING_BYTES,
        adapters_bytes=adapters * _LEARNING_BYTES,
        activations_bytes=_activations(shape, settings, kind, dtype_bytes, tokens),
        runtime_bytes=_RUNTIME_BYTES[kind],
    )


def remedies(settings: TrainSettings) -> str:
    """Return the options by which less memory is taken, as far as they are not given yet."""
    ways = []
    if settings.quantization != "4bit" and (settings.stage == "medusa-1" or settings.lora_rank):
        ways.append("--load-in-4bit")
    if settings.stage == "medusa-2":
        if not settings.lora_rank:
            ways.append("--lora-rank 32")
        if not settings.gradient_checkpointing:
            ways.append("--gradient-checkpointing")
    if settings.layout == "v0.1":
        ways.append("--layout shared")
    if settings.batch_size > 1:
        ways.append("a smaller --batch-size with more --accumulation")
    ways.append("a smaller --max-length")
    return ", ".join(ways[:-1]) + " or " + ways[-1] if len(ways) > 1 else ways[0]


def _frozen(shape: ModelShape, settings: TrainSettings, dtype_bytes: int) -> int:
    kept = shape.embedding_parameters + shape.small_parameters + shape.expert_parameters
    linear = shape.linear_parameters
    quantised = linear * dtype_bytes
    if settings.quantization == "8bit":
        quantised = linear + _ROW_SCALE_BYTES * shape.linear_rows
    elif settings.quantization == "4bit":
        quantised = int(linear * NF4_BYTES)
    return quantised + kept * dtype_bytes


def _adapter_parameters(shape: ModelShape, settings: TrainSettings) -> int:
    """Return the weights of adapters beside all linear layers: a rank times both widths."""
    mlp = shape.mlp_matrices * (shape.hidden + shape.intermediate)
    attention = 2 * (shape.hidden + shape.query_width) + 2 * (shape.hidden + shape.key_width)
    output = (shape.hidden + shape.vocabulary) if settings.lora_output else 0
    return settings.lora_rank * (shape.layers * (mlp + attention) + output)


def _activations(
    shape: ModelShape, settings: TrainSettings, kind: str, dtype_bytes: int, tokens: int
) -> int:
    """Return what a step makes beside what learns, when most of it is there at once."""
    joint = settings.stage == "medusa-2"
    state = tokens * shape.hidden * 4
    # One layer at its widest: projections of attention and MLP, and norms in float32.
    passing = 3 * state + tokens * dtype_bytes * (
        2 * shape.query_width + 2 * shape.key_width + 3 * shape.intermediate
    )
    kept = state
    if joint:
        kept = _kept_of_the_base(shape, settings, kind, dtype_bytes, tokens)
        # The hidden states of its end, what their gradients meet in, and the teacher's.
        kept += state * (3 if settings.base_loss == "teacher" else 2)
        # Kept so long and in so many pieces, it leaves gaps: only on a CPU is that measured.
        kept += kept // (8 if kind == "cpu" else 4)
    # A block's product and sum; what leaves a head, and its gradient; what enters them all.
    heads = state * (settings.heads * (2 * settings.layers + 2) + 1)
    backwards = state * settings.heads * 3
    step = heads + max(_logits(shape, settings, kind, tokens), backwards)
    quantised = 0
    if settings.quantization == "4bit":
        # For so many rows bitsandbytes makes the matrix of 16 bits first.
        quantised = shape.hidden * max(shape.intermediate, shape.hidden) * dtype_bytes
    return kept + max(step, passing + quantised)


def _logits(shape: ModelShape, settings: TrainSettings, kind: str, tokens: int) -> int:
    """Return what the logits of a piece take, and what is made of them."""
    piece = min(_PIECE_ROWS[kind], tokens) * shape.vocabulary * 4
    # Of a matrix that learns, the gradient of a piece, before it is added up.
    learns = settings.layout == "v0.1" or (settings.stage == "medusa-2" and not settings.lora_rank)
    gradient = shape.vocabulary * shape.hidden * 4 if learns else 0
    copies = _COPIES_OF_LOGITS + 2 * (settings.base_loss == "teacher")
    return max(copies * piece, 3 * piece + gradient)


def _kept_of_the_base(
    shape: ModelShape, settings: TrainSettings, kind: str, dtype_bytes: int, tokens: int
) -> int:
    """Return what a base that learns keeps for its backward pass."""
    layer = tokens * _kept_of_a_layer(shape, settings, kind, dtype_bytes)
    if settings.gradient_checkpointing:
        return layer + shape.layers * tokens * shape.hidden * dtype_bytes
    return shape.layers * layer


def _kept_of_a_layer(
    shape: ModelShape, settings: TrainSettings, kind: str, dtype_bytes: int
) -> int:
    """Return the bytes a token that a layer of a base that learns keeps for the backward pass."""
    # Queries, keys and values; what attention makes of them; the gate before and behind its
    # function, and what it lets through; what enters two norms, in float32.
    attention = 2 * shape.query_width + 2 * shape.key_width
    kept = (attention + 3 * shape.intermediate) * dtype_bytes + 2 * shape.hidden * 4
    if not settings.lora_rank:
        # What enters a matrix that learns: the norms' ends, before and behind their weights; and
        # the gate's product.
        return kept + (4 * shape.hidden + shape.intermediate) * dtype_bytes
    if settings.lora_dropout:
        # What enters each adapter, in float32, and what was dropped out of it: as much on a CPU.
        entering = 5 * shape.hidden + shape.query_width + shape.intermediate
        return kept + entering * (8 if kind == "cpu" else 5)
    entering = 2 * shape.hidden + shape.query_width + shape.intermediate
    return kept + entering * 4
