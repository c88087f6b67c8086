"""Whole steps by graphs, with the capture alone replaced: what is recorded is run again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
import torch

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.decoder import Decoder, Decoding
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_drafting import MixedDrafter
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree

from .driving import CPU, GREEDY, PLAIN, SHAPES, no_text, reply
from .lean.lean_models import FAMILY, lean
from .random_models import HEADS, VOCABULARY, generated, random_heads, random_model

WARM = (Sampling(0.8, top_k=40, top_p=0.9), Sampling(0.8), Sampling(1.2, top_p=0.5))
PROMPT = (9, 2, 60, 31, 7)
LONG = tuple(n * 7919 % VOCABULARY for n in range(1, 240))
MIXED = {
    "all": MixedTree(16, 6, HEADS, VOCABULARY, CPU),
    "bigram": MixedTree(12, 5, HEADS, VOCABULARY, CPU, lookup=False),
    "headless": MixedTree(8, 5, 0, VOCABULARY, CPU),
    "two": MixedTree(2, 5, HEADS, VOCABULARY, CPU),
}
ALL: dict[str, StepShape] = {
    "root": PLAIN,
    **{name: SHAPES[name] for name in ("chain", "zephyr_stage2", "dynamic-8", "dynamic-64")},
    **MIXED,
}


class Captures:
    """What stands in for the capture: a replay runs again what was recorded."""

    def __init__(self) -> None:
        self.records: list[Callable[[], None]] = []

    def __call__(self, record: Callable[[], None], pool: object) -> Callable[[], None]:
        record()
        record()
        self.records.append(record)
        return record


@pytest.fixture(autouse=True)
def captures(monkeypatch: pytest.MonkeyPatch) -> Captures:
    replaced = Captures()
    monkeypatch.setattr(graph, "capture", replaced)
    return replaced


@pytest.fixture(autouse=True)
def growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow eager trees as graphs do: among equals the host's growth takes others."""
    monkeypatch.setattr(MixedDrafter, "_grow_on_host", MixedDrafter._grow_on_device)


@cache
def both(architecture: str) -> tuple[LeanForward, LeanForward]:
    """Return a forward whose steps are graphs, and one whose steps are not."""
    forwards = [lean(copy.deepcopy(random_model(architecture))) for _ in range(2)]
    forwards[0].whole_step_obstacle = None
    return forwards[0], forwards[1]


def decoders(
    architecture: str = "llama", heads: HeadLogits | None = None
) -> tuple[Decoder, Decoder]:
    """Return a decoder by graphs and an eager one."""
    heads = heads or random_heads(random_model(architecture))
    graphed, eager = (Decoder(forward, heads, no_text) for forward in both(architecture))
    graphed.forward.whole_step_obstacle = None  # type: ignore[attr-defined]
    return graphed, eager


def knowing(text: Sequence[int], rights: int = 3) -> HeadLogits:
    """Return heads that read the last token off the hidden state's place in ``text``.

    They are right ``rights`` tokens ahead, if the text says each token but once.
    """
    raise NotImplementedError


def same(
    graphed: Decoder, eager: Decoder, prompt: Sequence[int], shape: StepShape, **how
) -> Decoding:  # type: ignore[no-untyped-def]
    """Assert that both answer alike, step by step; return the graphs' reply."""
    one, other = (reply(decoder, prompt, shape, **how) for decoder in (graphed, eager))
    assert one.output.token_ids == other.output.token_ids
    assert one.output.bursts == other.output.bursts
    assert one.output.stop_reason == other.output.stop_reason
    assert graphed.forward.length == len(graphed.cached) == eager.forward.length
    return one


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("architecture", FAMILY)
def test_greedy_replies_are_generate(architecture: str, shape: str, captures: Captures) -> None:
    expected = generated(random_model(architecture), PROMPT, 40)
    graphed, eager = decoders(architecture)
    decoding = same(graphed, eager, PROMPT, ALL[shape])
    assert decoding.output.token_ids == expected
    assert len(captures.records) == 1


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("sampling", WARM, ids=str)
def test_drawn_replies_are_the_eager_ones(sampling: Sampling, shape: str) -> None:
    graphed, eager = decoders()
    for seed in (3, 2**40 + 1):
        same(graphed, eager, PROMPT, ALL[shape], sampling=sampling, seed=seed)
