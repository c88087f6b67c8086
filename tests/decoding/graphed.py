"""Decoders whose steps are graphs beside eager ones; the capture alone is replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import pytest

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.decoder import Decoder, Decoding
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.sampling import Sampling

from .driving import CPU, PLAIN, SHAPES, no_text, reply
from .lean.lean_models import lean
from .random_models import HEADS, VOCABULARY, OracleHeads, random_heads, random_model

WARM = (Sampling(0.8, top_k=40, top_p=0.9), Sampling(0.8), Sampling(1.2, top_p=0.5))
PROMPT = (9, 2, 60, 31, 7)
LONG = tuple(n * 7919 % VOCABULARY for n in range(1, 240))
ALL: dict[str, StepShape] = {
    "root": PLAIN,
    **{name: SHAPES[name] for name in ("chain", "zephyr_stage2", "dynamic-8", "dynamic-64")},
    "all": MixedTree(16, 6, HEADS, VOCABULARY, CPU),
    "bigram": MixedTree(12, 5, HEADS, VOCABULARY, CPU, lookup=False),
    "headless": MixedTree(8, 5, 0, VOCABULARY, CPU),
    "two": MixedTree(2, 5, HEADS, VOCABULARY, CPU),
}
"""Of every kind of tree one or a few."""


class InTurn(AdaptiveTree):
    """An adaptive tree whose steps have the shapes in turn; what it was told is kept."""

    def __init__(self, shapes: Iterable[StepShape]) -> None:
        self._shapes = list(shapes)
        self.size = max(shape.size for shape in self._shapes)
        self.depth = max(shape.depth for shape in self._shapes)
        self.observed: list[tuple[int, list[int]]] = []

    def next_shape(self) -> StepShape:
        return self._shapes[len(self.observed) % len(self._shapes)]

    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        assert seconds > 0
        self.observed.append((shape.size, list(accepted)))


class Captures:
    """What stands in for the capture: a replay runs again what was recorded."""

    def __init__(self) -> None:
        self.records: list[Callable[[], None]] = []

    def __call__(self, record: Callable[[], None], pool: object) -> Callable[[], None]:
        for _ in range(3):  # two to warm up, and the recording itself; none may leave a trace
            record()
        self.records.append(record)
        return record


@cache
def forwards(architecture: str) -> tuple[LeanForward, LeanForward]:
    """Return two forwards of a model; tests share them."""
    return lean(copy.deepcopy(random_model(architecture))), lean(
        copy.deepcopy(random_model(architecture))
    )


def decoders(architecture: str = "llama") -> list[Decoder]:
    """Return a decoder whose steps are graphs, and one whose steps are not."""
    heads = random_heads(random_model(architecture))
    made = [Decoder(forward, heads, no_text) for forward in forwards(architecture)]
    for decoder in made:
        decoder.forget()
    forwards(architecture)[0].whole_step_obstacle = None
    return made


def knowing(text: Sequence[int], architecture: str = "llama") -> list[Decoder]:
    """Return ``decoders`` whose heads know that ``text`` comes, prompt included."""
    made = decoders(architecture)
    for decoder in made:
        decoder.head_logits = OracleHeads(decoder.forward, list(text))
    return made


def checked(decoding: Decoding) -> list[tuple[Any, ...]]:
    """Return what each step checked: parents, tokens, sources, accepted; likelihoods last."""
    return [
        (step.parents, step.tokens, step.sources, step.accepted, step.next_token, step.weights)
        for step in decoding.steps.checked(0, decoding.steps.kept)
    ]


def same(
    made: Sequence[Decoder], prompt: Sequence[int], shape: Any, **how: Any
) -> tuple[Decoding, Decoding]:
    """Assert that both decoders answer alike, step by step; return the replies."""
    one, other = (reply(decoder, prompt, shape, **how) for decoder in made)
    assert one.output.token_ids == other.output.token_ids
    assert one.output.bursts == other.output.bursts
    assert one.output.stop_reason == other.output.stop_reason
    assert made[0].forward.length == len(made[0].cached) == made[1].forward.length
    assert made[0].history.length == made[1].history.length
    for ours, theirs in zip(checked(one), checked(other), strict=True):
        assert ours[:-1] == theirs[:-1]
        assert ours[-1] == pytest.approx(theirs[-1], rel=1e-3, abs=1e-6)
    return one, other
