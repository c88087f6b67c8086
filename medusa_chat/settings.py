"""What a user can choose: which model, and how a reply is decoded. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from medusa_chat.errors import UsageError

Acceptance = Literal["exact", "typical"]
DType = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["none", "8bit", "4bit", "fp8"]
HeadPrecision = Literal["full", "8bit"]
DraftSources = Literal["heads", "bigram", "all"]

BUILTIN = "builtin"
"""The name of the model that ships with the program."""

MAX_TREE_SIZE = 128


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model to load, and how. Raises UsageError for a value that no model could have."""

    model: str = BUILTIN
    base_model: str | None = None
    quantization: Quantization = "none"
    dtype: DType = "auto"
    device: str = "auto"
    head_precision: HeadPrecision = "full"
    """The precision of the heads' weights, whatever the base's is."""
    context_tokens: int | None = None
    """The most tokens that a prompt and its reply have together; None is the model's own number."""
    template: str | None = None
    """The family whose chat template is used for a model that has none of its own; None looks for
    it in the model's name."""

    def __post_init__(self) -> None:
        for option, value in (("--model", self.model), ("--base-model", self.base_model)):
            if value is not None and not value.strip():
                raise UsageError(f"{option} is empty: give a Hub id (owner/name) or a folder.")
        _one_of("--dtype", self.dtype, get_args(DType))
        _one_of("--load-in", self.quantization, get_args(Quantization))
        if self.quantization == "fp8" and self.dtype not in ("auto", "bfloat16"):
            raise UsageError(
                f"--load-in-fp8 computes in bfloat16, and --dtype is {self.dtype}: leave one out."
            )
        if self.context_tokens is not None and self.context_tokens < 1:
            raise UsageError(f"--context {self.context_tokens} is out of range: 1 token or more.")
        if self.device not in ("auto", "cpu", "cuda"):
            kind, _, index = self.device.partition(":")
            if kind != "cuda" or not (index.isascii() and index.isdigit()):
                raise UsageError(
                    f"--device {self.device!r} is not known: use auto, cpu, cuda or cuda:N."
                )


@dataclass(frozen=True, slots=True)
class SamplingDefaults:
    """How a model's authors would have its tokens drawn (``generation_config.json``).

    None where they say nothing.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How one reply is decoded. Raises UsageError for a value out of its range.

    ``tree`` is ``auto``, ``dynamic``, ``chain``, ``root``, the name of a preset or the path of a
    JSON file with a list of paths; ``tree_size`` counts the root. ``draft`` is what a tree that is
    grown (auto or dynamic) guesses from: the heads alone, the model's own earlier choices after the
    same token as well, or the conversation's own text on top. ``top_k`` 0 and ``top_p`` 1 keep
    every token; ``temperature`` 0 takes the likeliest. ``seed`` None draws a fresh one.
    """

    medusa: bool = True
    tree: str = "auto"
    tree_size: int | None = None
    draft: DraftSources = "all"
    acceptance: Acceptance = "exact"
    posterior_threshold: float = 0.09
    posterior_alpha: float = 0.3
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_new_tokens: int = 512
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    raw: bool = False
    system: str | None = None

    def __post_init__(self) -> None:
        _one_of("--draft", self.draft, get_args(DraftSources))
        _one_of("--acceptance", self.acceptance, get_args(Acceptance))
        _in_range("--temperature", self.temperature, 0, math.inf, "0 or more")
        _in_range("--posterior-threshold", self.posterior_threshold, 0, 1, "from 0 to 1")
        _in_range("--posterior-alpha", self.posterior_alpha, 0, math.inf, "0 or more")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p} is out of range: above 0, up to 1 (1 is off).")
        if self.top_k < 0:
            raise UsageError(f"--top-k {self.top_k} is out of range: 0 (off) or more.")
        if not 0 < self.repetition_penalty < math.inf:
            raise UsageError(
                f"--repetition-penalty {self.repetition_penalty} is out of range: above 0 (1 is "
                "off)."
            )
        if self.max_new_tokens < 1:
            raise UsageError(f"--max-new-tokens {self.max_new_tokens} is out of range: 1 or more.")
        if self.tree_size is not None and not 1 <= self.tree_size <= MAX_TREE_SIZE:
            raise UsageError(
                f"--tree-size {self.tree_size} is out of range: 1 (the root alone) to "
                f"{MAX_TREE_SIZE} nodes, the root included."
            )
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed} is out of range: 0 to 2**63 - 1.")
        if not self.tree:
            raise UsageError("--tree is empty: use auto, dynamic, chain, root, a preset or a file.")
        if "" in self.stop:
            raise UsageError("--stop is empty: give the text that ends a reply.")


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{option} {value!r} is not known: use {', '.join(choices)}.")


def _in_range(option: str, value: float, low: float, high: float, words: str) -> None:
    # The comparison is False for a NaN as well.
    if not (low <= value <= high and value < math.inf):
        raise UsageError(f"{option} {value} is out of range: {words}.")
