"""What a user can choose about training heads. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from medusa_chat.errors import UsageError
from medusa_chat.settings import DType, ModelSettings

Layout = Literal["v0.1", "shared"]
"""``v0.1``: each head has an output matrix of its own; ``shared``: the base's serves them all."""

MAX_HEADS = 16
DEFAULT_MAX_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Which heads to train, on what, and how. Raises UsageError for a value out of its range.

    A batch holds as many tokens as ``batch_size`` sequences of ``max_length``; shorter sequences
    make it longer. ``max_length`` None is 1024 tokens, or the model's context where that is less.
    """

    base_model: str
    data: tuple[Path, ...]
    output: Path
    heads: int = 4
    layers: int = 1
    epochs: int = 1
    max_steps: int | None = None
    learning_rate: float = 1e-3
    batch_size: int = 8
    max_length: int | None = None
    layout: Layout = "v0.1"
    seed: int = 0
    device: str = "auto"
    dtype: DType = "auto"

    def __post_init__(self) -> None:
        # These three are the options of a model, and are checked as such.
        ModelSettings(base_model=self.base_model, dtype=self.dtype, device=self.device)
        if not self.data:
            raise UsageError("--data names no file: give one or more .jsonl or .jsonl.xz files.")
        for option, value, low, high in (
            ("--heads", self.heads, 1, MAX_HEADS),
            ("--layers", self.layers, 1, MAX_HEADS),
            ("--epochs", self.epochs, 1, None),
            ("--max-steps", self.max_steps, 1, None),
            ("--batch-size", self.batch_size, 1, None),
            ("--max-length", self.max_length, 16, None),
            ("--seed", self.seed, 0, 2**63 - 1),
        ):
            if value is not None and (value < low or (high is not None and value > high)):
                words = f"{low} or more" if high is None else f"{low} to {high}"
                raise UsageError(f"{option} {value} is out of range: {words}.")
        # The comparison is False for a NaN as well.
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(
                f"--learning-rate {self.learning_rate} is out of range: above 0 (0.001 is usual)."
            )
        if self.layout not in get_args(Layout):
            raise UsageError(
                f"--layout {self.layout!r} is not known: use {' or '.join(get_args(Layout))}."
            )
