"""How much memory a training will take: an estimate, made before anything is loaded. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from medusa_chat.models.memory import NF4_BYTES
from medusa_chat.models.shape import HeadShape, ModelShape
from medusa_chat.quantities import size
from medusa_chat.training.batch_memory import BatchMemory
from medusa_chat.training.settings import TrainSettings

_LEARNING_BYTES = 16
"""Of a weight that learns: itself, its gradient and two moments, in float32 each."""
_ROW_SCALE_BYTES = 4
_RUNTIME_BYTES = {"cpu": 400_000_000, "cuda": 900_000_000}
"""The libraries, and on CUDA the driver's context and what the allocator leaves unused."""
_FURTHER_LIBRARY_BYTES = 75_000_000
"""On a CPU what peft brings with it, bitsandbytes too."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a training takes on its device, in bytes."""

    base_bytes: int
    heads_bytes: int
    """With gradients and moments; so are the next."""
    adapters_bytes: int
    activations_bytes: int
    runtime_bytes: int
    gaps_bytes: int = 0
    """What is added at most where freed memory is kept for the process (``freed_memory``)."""

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
    def most(self) -> int:
        """All of it where the gaps that freed memory leaves are as large as they can be."""
        return self.total + self.gaps_bytes

    @property
    def words(self) -> str:
        """The parts, for a person."""
        adapters = f"adapters {size(self.adapters_bytes)}, " if self.adapters_bytes else ""
        return (
            f"base {size(self.base_bytes)}, {adapters}heads with their optimizer "
            f"{size(self.heads_bytes)}, activations {size(self.activations_bytes)}"
        )


def memory_need(
    shape: ModelShape,
    settings: TrainSettings,
    *,
    kind: str,
    dtype_bytes: int,
    tokens: int,
    mixed: bool,
) -> MemoryNeed:
    """Return what training takes on a device of this ``kind``, ``cpu`` or ``cuda``.

    ``dtype_bytes`` is what a weight of the base takes that is not quantised, ``tokens`` are those
    of a batch, padding included, and with ``mixed`` products are made in half precision.
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
    batch = BatchMemory(shape, settings, kind, dtype_bytes, tokens, mixed)
    runtime = _RUNTIME_BYTES[kind]
    if kind == "cpu" and (adapters or settings.quantization != "none"):
        runtime += _FURTHER_LIBRARY_BYTES
    return MemoryNeed(
        base_bytes=base,
        heads_bytes=heads.parameters(shape) * _LEARNING_BYTES,
        adapters_bytes=adapters * _LEARNING_BYTES,
        activations_bytes=batch.activations,
        runtime_bytes=runtime,
        gaps_bytes=batch.gaps if kind == "cpu" else 0,
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
