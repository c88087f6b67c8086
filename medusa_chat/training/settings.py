"""What a user can choose about training heads. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from medusa_chat.errors import UsageError
from medusa_chat.settings import DType, ModelSettings, Quantization

Stage = Literal["medusa-1", "medusa-2"]
"""``medusa-1``: the base stays as it is; ``medusa-2``: it learns together with its heads."""
Layout = Literal["v0.1", "shared"]
"""``v0.1``: each head has an output matrix of its own; ``shared``: the base's serves them all."""
HeadsKind = Literal["medusa", "root"]
"""``medusa``: they see the hidden state; ``root``: the embedding of the token behind it too."""
Scheduler = Literal["cosine", "linear", "constant"]
Rise = Literal["constant", "linear", "sine"]
BaseLoss = Literal["labels", "teacher"]
"""What the base learns in Medusa-2: the data's next tokens, or to stay the model that it was."""

MAX_HEADS = 16
DEFAULT_MAX_LENGTH = 1024
_HEADS_RATE = 1e-3
_ADAPTERS_RATE = 5e-4
_BASE_RATE = 2e-5
_HEADS_WEIGHT = {"labels": 0.2, "teacher": 0.01}
"""The paper's lambda_0 (B.2 to B.4): the divergence from what the base was is far smaller than a
cross entropy, and is outweighed as much sooner."""


_FLAGS = {"decay": "--lambda"}
SWITCHES: dict[str, tuple[str, object]] = {
    "--load-in-8bit": ("quantization", "8bit"),
    "--load-in-4bit": ("quantization", "4bit"),
    "--no-quantization": ("quantization", "none"),
    "--lora-output": ("lora_output", True),
    "--no-lora-output": ("lora_output", False),
    "--gradient-checkpointing": ("gradient_checkpointing", True),
    "--no-gradient-checkpointing": ("gradient_checkpointing", False),
}
"""The options that take no value: the setting of each, and what they make it."""


def flag(name: str) -> str:
    """Return the option that the value of the setting called ``name`` is written behind."""
    return _FLAGS.get(name, "--" + name.replace("_", "-"))


def typed(name: str, value: object) -> str:
    """Return the option that makes the setting ``name`` the JSON ``value``, as it is typed."""
    for switch, given in SWITCHES.items():
        if given == (name, value):
            return switch
    words = " ".join(map(str, value)) if isinstance(value, list) else value
    return f"{flag(name)} {'left out' if words in (None, '') else words}"


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Which heads to train, on what, and how. Raises UsageError for a value out of its range.

    A batch holds as many tokens as ``batch_size`` sequences of ``max_length``; shorter sequences
    make it longer. ``max_length`` None is 1024 tokens, or the model's context where that is less.
    ``learning_rate`` is the heads' in Medusa-1 and the base's in Medusa-2, where the heads have
    ``heads_rate`` times that; None is what is usual for what learns. ``heads_weight`` None is what
    the paper has for this ``base_loss``. ``lora_rank`` 0 trains the whole base; ``lora_targets``
    empty are the linear layers of its blocks.
    """

    base_model: str
    data: tuple[Path, ...]
    output: Path
    stage: Stage = "medusa-1"
    heads: int = 4
    layers: int = 1
    heads_kind: HeadsKind = "medusa"
    heads_from: Path | None = None
    epochs: int = 1
    max_steps: int | None = None
    learning_rate: float | None = None
    heads_rate: float = 4.0
    scheduler: Scheduler = "cosine"
    warmup_steps: int | None = None
    weight_decay: float = 0.0
    batch_size: int = 8
    accumulation: int = 1
    max_length: int | None = None
    layout: Layout = "v0.1"
    decay: float = 0.8
    heads_weight: float | None = None
    rise: Rise = "sine"
    base_loss: BaseLoss = "labels"
    lora_rank: int = 0
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    lora_targets: tuple[str, ...] = ()
    lora_output: bool = False
    gradient_checkpointing: bool = False
    keep_hidden: Path | None = None
    held_out: float | None = None
    evaluate_every: int | None = None
    early_stop: int | None = None
    seed: int = 0
    device: str = "auto"
    dtype: DType = "auto"
    quantization: Quantization = "none"

    def __post_init__(self) -> None:
        # These four are the options of a model, and are checked as such.
        ModelSettings(
            base_model=self.base_model,
            dtype=self.dtype,
            device=self.device,
            quantization=self.quantization,
        )
        if not self.data:
            raise UsageError(
                "--data names no file: give one or more .jsonl or .json files, plain or .xz."
            )
        self._check_ranges()
        for option, value, choices in (
            ("--stage", self.stage, get_args(Stage)),
            ("--heads-kind", self.heads_kind, get_args(HeadsKind)),
            ("--layout", self.layout, get_args(Layout)),
            ("--scheduler", self.scheduler, get_args(Scheduler)),
            ("--rise", self.rise, get_args(Rise)),
            ("--base-loss", self.base_loss, get_args(BaseLoss)),
        ):
            if value not in choices:
                known = " or ".join((", ".join(choices[:-1]), choices[-1]))
                raise UsageError(f"{option} {value!r} is not known: use {known}.")
        self._check_together()

    @property
    def rate(self) -> float:
        """The highest learning rate: of the heads in Medusa-1, of the base in Medusa-2."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.stage == "medusa-1":
            return _HEADS_RATE
        return _ADAPTERS_RATE if self.lora_rank else _BASE_RATE

    @property
    def coefficient(self) -> float:
        """Lambda_0 at its height: what the heads' loss counts in Medusa-2."""
        return _HEADS_WEIGHT[self.base_loss] if self.heads_weight is None else self.heads_weight

    def _check_ranges(self) -> None:
        for option, value, low, high in (
            ("--heads", self.heads, 1, MAX_HEADS),
            ("--layers", self.layers, 1, MAX_HEADS),
            ("--epochs", self.epochs, 1, None),
            ("--max-steps", self.max_steps, 1, None),
            ("--warmup-steps", self.warmup_steps, 0, None),
            ("--batch-size", self.batch_size, 1, None),
            ("--accumulation", self.accumulation, 1, None),
            ("--max-length", self.max_length, 16, None),
            ("--lora-rank", self.lora_rank, 0, None),
            ("--evaluate-every", self.evaluate_every, 1, None),
            ("--early-stop", self.early_stop, 1, None),
            ("--seed", self.seed, 0, 2**63 - 1),
        ):
            if value is not None and (value < low or (high is not None and value > high)):
                words = f"{low} or more" if high is None else f"{low} to {high}"
                raise UsageError(f"{option} {value} is out of range: {words}.")
        # These comparisons are False for a NaN as well.
        if not 0 < self.rate < math.inf:
            raise UsageError(
                f"--learning-rate {self.rate} is out of range: above 0 (0.001 is usual)."
            )
        for option, number, below, words in (
            ("--heads-rate", self.heads_rate, math.inf, "0 or more (4 is usual)"),
            ("--weight-decay", self.weight_decay, math.inf, "0 or more"),
            ("--lambda", self.decay, 1.0 + 1e-9, "0 to 1 (0.8 is usual)"),
            ("--heads-weight", self.heads_weight or 0.0, math.inf, "0 or more (0.2 is usual)"),
            ("--lora-alpha", self.lora_alpha, math.inf, "0 or more (16 is usual)"),
            ("--lora-dropout", self.lora_dropout, 1.0, "0 or more, below 1"),
            ("--held-out", self.held_out or 0.0, 1.0, "0 (none) or more, below 1 (0.02 is 2%)"),
        ):
            if not 0 <= number < below:
                raise UsageError(f"{option} {number} is out of range: {words}.")

    def _check_together(self) -> None:
        """Raise UsageError for settings of which one rules out another."""
        if self.quantization == "fp8":
            raise UsageError("Nothing can be trained in float8: use --load-in-8bit or -4bit.")
        if self.stage == "medusa-1":
            for option, given in (
                ("--lora-rank", self.lora_rank > 0),
                ("--lora-output", self.lora_output),
                ("--gradient-checkpointing", self.gradient_checkpointing),
                ("--base-loss teacher", self.base_loss != "labels"),
            ):
                if given:
                    raise UsageError(
                        f"{option} is for a base that learns: give --stage medusa-2 with it."
                    )
            return
        if self.keep_hidden is not None:
            raise UsageError(
                "--keep-hidden is for --stage medusa-1: the hidden states of a base that learns "
                "are others at every step."
            )
        if self.quantization != "none" and not self.lora_rank:
            raise UsageError(
                f"A base in {self.quantization[0]} bits cannot learn itself: give it adapters, "
                "with --lora-rank 32."
            )
        if self.dtype == "float16":
            raise UsageError(
                "--dtype float16 is too narrow for a base that learns: use bfloat16 or float32."
            )
