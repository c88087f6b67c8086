"""Steps on a device of which the host sees nothing: tensors without values stand for it.

Reading one of torch's meta device raises, and so does here an operation that mixes it with memory
of the host, as a CUDA graph cannot hold one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.dynamic_tree import BestFirstTree, DynamicTree, FixedTree
from medusa_chat.decoding.graphed_stepping import WholeSteps, _WholeStep
from medusa_chat.decoding.gumbel import GumbelNoise
from medusa_chat.decoding.head_vocabulary import HeadVocabulary
from medusa_chat.decoding.history import History
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.lean.graph import StepGraphs
from medusa_chat.decoding.mixed_drafting import MixedDrafter
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.presets import presets
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.stepping import Advance, Choosing, drafter_of
from medusa_chat.decoding.tree import Tree
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.int8_heads import Int8Heads
from medusa_chat.models.loader import _head_logits
from medusa_chat.settings import MAX_TREE_SIZE

from .lean.lean_models import built

META = torch.device("meta")
HEADS, VOCABULARY, HIDDEN = 4, 96, 64
PROMPT = list(range(1, 21))

SHAPES: dict[str, StepShape] = {
    "root": FixedTree(Tree.root().to(META), 1),
    "chain": FixedTree(Tree.chain(HEADS).to(META), 1),
    "preset": FixedTree(Tree.from_paths(presets()["zephyr_stage2"]).to(META), 10),
    "dynamic": DynamicTree(16, HEADS, 10, META),
    "more than the heads know": BestFirstTree(64, HEADS, 60, META),
    "all": MixedTree(16, 6, HEADS, VOCABULARY, META),
    "bigram": MixedTree(12, 5, HEADS, VOCABULARY, META, lookup=False),
    "headless": MixedTree(8, 5, 0, VOCABULARY, META),
    "two": MixedTree(2, 5, HEADS, VOCABULARY, META),
}
HOWS = {
    "greedy": Choosing(Sampling()),
    "cut": Choosing(Sampling(0.8, top_k=40, top_p=0.9)),
    "typical": Choosing(Sampling(0.8), typical=Typical(0.8, 0.09, 0.3)),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What steps are made of."""

    forward: LeanForward
    head_logits: HeadLogits
    vocabulary: HeadVocabulary


@cache
def loaded(name: str) -> Loaded:
    """Return a model and heads that see the root; none of it has values."""
    dtype = torch.float16 if name == "float16" else torch.bfloat16
    with META:
        base = built(
            "qwen3" if name == "float16" else "llama",
            num_key_value_heads=4 if name == "float16" else 2,
        ).to(dtype)
        # Some share the base's output matrix, others know a part of its tokens.
        heads: Any = MedusaHeads(HEADS, 1, HIDDEN, None if name == "float16" else 48).to(dtype)
        roots = torch.zeros(VOCABULARY, HIDDEN, dtype=dtype)
        tokens = None if name == "float16" else torch.arange(48)
    heads = heads.requires_grad_(requires_grad=False)
    if name == "int8":
        heads = Int8Heads(heads, META, dtype)
    forward = LeanForward(base, 512, MAX_TREE_SIZE, spare=False)
    head_logits = _head_logits(heads, roots, base, forward.output)
    return Loaded(forward, head_logits, HeadVocabulary(VOCABULARY, tokens))


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations on memory of the host; those that bring it over are fine where ``copies``.

    Reading a value raises by itself.
    """

    def __init__(self, *, copies: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._copies = ("aten.copy_", "aten._to_copy", "aten.lift_fresh") if copies else ()
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        outcome = function(*arguments, **(options or {}))
        self.count += 1
        if not str(function).startswith(self._copies):
            for tensor in tree_leaves((arguments, options, outcome)):
                assert not isinstance(tensor, torch.Tensor) or tensor.is_meta, function
        return outcome


def recorded_on_the_device(monkeypatch: pytest.MonkeyPatch) -> OneDevice:
    """Replace the capture; return what all that is recorded has to get past."""
    on_device = OneDevice(copies=False)

    def capture(record: Callable[[], None], _pool: object) -> Callable[[], None]:
        with on_device:
            record()
        return record

    monkeypatch.setattr(graph, "capture", capture)
    return on_device


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", ["bfloat16", "float16", "int8"])
def test_a_recorded_step_stays_on_the_device(
    model: str, shape: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_device = recorded_on_the_device(monkeypatch)

    def run(_step: _WholeStep, root: int) -> Advance:
        return Advance([0], [root], 7, 1)

    monkeypatch.setattr(_WholeStep, "run", run)
    parts = loaded(model)
    parts.forward.truncate(0)
    with torch.inference_mode():
        output = parts.forward.extend(torch.tensor(PROMPT, device=META))
    steps = WholeSteps(
        parts.forward, parts.head_logits, parts.vocabulary, History(VOCABULARY, META, 1000)
    )
    steps.begin(output.hidden)
    step = steps.step(SHAPES[shape], HOWS[how], 9, 3)
    assert step is not None
    assert on_device.count > 30
    assert parts.forward.length == len(PROMPT) + 1


@pytest.mark.parametrize("model", ["bfloat16", "float16"])
def test_a_recorded_forward_stays_on_the_device(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_device, forward = recorded_on_the_device(monkeypatch), loaded(model).forward
    monkeypatch.setattr(forward, "_graphs", StepGraphs(forward.run_windowed, META))
    forward.truncate(0)
    forward.extend(torch.tensor(PROMPT, device=META))
    for tree in (Tree.root().to(META), Tree.chain(HEADS).to(META)):
        before = on_device.count
        output = forward.step(torch.arange(tree.size, device=META), tree)
        assert output.logits.shape == (tree.size, VOCABULARY)
        assert on_device.count > before + 30
    assert forward.graphs_in_use


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", ["bfloat16", "float16"])
@torch.inference_mode()
def test_what_is_around_steps_mixes_no_devices(model: str, shape: str, drawn: bool) -> None:
    """Prompts, drafts and what is learnt, where steps are not graphs."""
    parts, tree = loaded(model), SHAPES[shape]
    choosing = HOWS["cut" if drawn else "greedy"]
    history = History(VOCABULARY, META)
    forward = parts.forward
    drafter = drafter_of(tree, parts.head_logits, parts.vocabulary, choosing, history)
    with OneDevice(copies=True):
        forward.truncate(0)
        output = forward.extend(torch.tensor(PROMPT, device=META), 5)
        history.add(PROMPT[:-5], None)
        history.add(PROMPT[-5:], output.logits)
        noise = None
        if drawn:
            noise = GumbelNoise(3, VOCABULARY, META).window(21, tree.depth + 1)
        draft = drafter.draft(6, output.hidden[-1:], noise)
        step = forward.step(draft.tokens, draft.tree)
        nodes = [0] if draft.tree.size == 1 else [0, draft.tree.size - 1]
        forward.compact(nodes)
        if isinstance(drafter, MixedDrafter):
            drafter.learn(PROMPT[: len(nodes)], step.logits[nodes], 8)
        history.add([4] * 300, None)  # more than there was room for
        history.truncate(10)
    assert history.table.length == 10
    assert step.logits.shape == (draft.tree.size, VOCABULARY)
