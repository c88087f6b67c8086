"""Whole steps by graphs, with the capture alone replaced: what is recorded is run again."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.decoder import Decoder, Decoding, Request
from medusa_chat.decoding.drafting import HeadLogits
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.history import History
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_drafting import MixedDrafter
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree

from .driving import CPU, GREEDY, PLAIN, SHAPES, decoder_for, no_text, reply
from .lean.lean_models import FAMILY, lean
from .random_models import (
    HEADS,
    VOCABULARY,
    OracleHeads,
    generated,
    random_heads,
    random_model,
)

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


@pytest.fixture(autouse=True)
def captures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Captures:
    replaced = Captures()
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setattr(graph, "capture", replaced)
    return replaced


@pytest.fixture(autouse=True)
def growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow eager trees as graphs do: among equals the host's growth takes others."""
    monkeypatch.setattr(MixedDrafter, "_grow_on_host", MixedDrafter._grow_on_device)


@cache
def forwards(architecture: str) -> tuple[LeanForward, LeanForward]:
    """Return two forwards of a model; tests share them."""
    return lean(copy.deepcopy(random_model(architecture))), lean(
        copy.deepcopy(random_model(architecture))
    )


def decoders(architecture: str = "llama", heads: HeadLogits | None = None) -> list[Decoder]:
    """Return a decoder whose steps are graphs, and one whose steps are not."""
    heads = heads or random_heads(random_model(architecture))
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
    return one, other


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("architecture", FAMILY)
def test_greedy_replies_are_generate(architecture: str, shape: str, captures: Captures) -> None:
    expected = generated(random_model(architecture), PROMPT, 40)
    guessing, _ = same(decoders(architecture), PROMPT, ALL[shape], tokens=20)
    assert guessing.output.token_ids == expected[:20]
    right, _ = same(knowing([*PROMPT, *expected], architecture), PROMPT, ALL[shape])
    assert right.output.token_ids == expected
    assert len(captures.records) == 2
    if shape not in ("root", "headless", "two"):
        assert right.figures.accepted_per_step is not None
        assert right.figures.accepted_per_step > 1.4


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("sampling", WARM, ids=str)
def test_drawn_replies_are_the_eager_ones(sampling: Sampling, shape: str) -> None:
    for seed in (3, 2**40 + 1):
        plain, _ = same(decoders(), PROMPT, PLAIN, sampling=sampling, seed=seed, tokens=30)
        text = plain.output.token_ids
        for made in (decoders(), knowing([*PROMPT, *text])):
            drawn, _ = same(made, PROMPT, ALL[shape], sampling=sampling, seed=seed, tokens=30)
            assert drawn.output.token_ids == text


@pytest.mark.parametrize("shape", ["root", "chain", "zephyr_stage2", "dynamic-64"])
def test_typical_acceptance_is_the_eager_one(shape: str) -> None:
    made = knowing([*PROMPT, *generated(random_model("llama"), PROMPT, 40)])
    for typical in (Typical(0.8, 0.09, 0.3), Typical(1.5, 0.3, 0.9)):
        same(made, PROMPT, ALL[shape], sampling=Sampling(typical.temperature), typical=typical)


@pytest.mark.parametrize("sampling", [GREEDY, WARM[0]], ids=str)
def test_steps_of_many_shapes_take_turns(sampling: Sampling, captures: Captures) -> None:
    """Sizes share what has been learnt; plain steps teach their tokens alone."""
    plain, _ = same(decoders(), PROMPT, PLAIN, sampling=sampling, tokens=60)
    made = knowing([*PROMPT, *plain.output.token_ids])
    shapes = [ALL[name] for name in ("all", "root", "root", "two", "bigram", "headless")]
    trees = [InTurn(shapes), InTurn(shapes)]
    replies = [
        reply(decoder, PROMPT, tree, sampling=sampling, tokens=60)  # type: ignore[arg-type]
        for decoder, tree in zip(made, trees, strict=True)
    ]
    assert [one.output.token_ids for one in replies] == [plain.output.token_ids] * 2
    assert trees[0].observed == trees[1].observed
    assert len(captures.records) == 1 + len(set(shapes))
    tables = [decoder.history.table for decoder in made]
    for decoder, table in zip(made, tables, strict=True):
        decoder.history.settle()
        table.put_root(5)
    assert torch.equal(tables[0].latest, tables[1].latest)
    known = tables[1].length + 1
    assert tables[0].tokens[:known].tolist() == tables[1].tokens[:known].tolist()
    for part in ("ids", "lifts"):
        rows = [getattr(table, part)[:known].sort(-1).values for table in tables]
        torch.testing.assert_close(rows[0][:-1], rows[1][:-1])


@pytest.mark.parametrize("room", [1200, None])
def test_a_long_text_outgrows_windows_cache_and_table(room: int | None, captures: Captures) -> None:
    """Graphs of memory that has moved are dropped; a short text in a large cache has its own."""
    model = random_model("llama")
    forward = lean(copy.deepcopy(model))
    forward.whole_step_obstacle = None
    expected = generated(model, LONG, 300)
    decoder = Decoder(forward, OracleHeads(forward, [*LONG, *expected]), no_text)
    decoder.history = History(VOCABULARY, CPU, room)
    right = reply(decoder, LONG, ALL["all"], tokens=300)
    assert right.output.token_ids == expected
    captured = len(captures.records)
    # Windows of 256, 512 and all 1,030 rows; a table that grows moves at other steps.
    assert captured == 3 if room else captured > 3
    for how, more in (({}, 1), ({"sampling": WARM[1]}, 2), ({"sampling": WARM[1], "seed": 9}, 2)):
        reply(decoder, PROMPT, ALL["all"], **how)
        assert len(captures.records) == captured + more


@pytest.mark.parametrize("shape", ["root", "dynamic-8", "all"])
@pytest.mark.parametrize("sampling", [GREEDY, WARM[0]], ids=str)
def test_turns_go_on_go_back_and_share_a_beginning(sampling: Sampling, shape: str) -> None:
    made = decoders()
    first, _ = same(made, PROMPT, ALL[shape], sampling=sampling)
    answer = first.output.token_ids
    others = decoder_for(random_model("llama"), random_heads(random_model("llama")))
    for turn in (
        [*PROMPT, *answer, 14, 3],
        [*PROMPT, *answer[:11]],
        [*PROMPT],
        [*PROMPT[:3], 8, 9, 10],
    ):
        again, _ = same(made, turn, ALL[shape], sampling=sampling, tokens=25, reuse=True)
        assert again.reused_tokens >= 3
        afresh = reply(others, turn, PLAIN, sampling=sampling, tokens=25)
        assert again.output.token_ids == afresh.output.token_ids


@pytest.mark.parametrize("shape", ["root", "zephyr_stage2", "all"])
def test_replies_end_where_eager_ones_do(shape: str) -> None:
    """At an end of text within a burst, cancelled, and where the context is full."""
    expected = generated(random_model("llama"), PROMPT, 40)
    for eos in expected[5:12]:
        ended, _ = same(knowing([*PROMPT, *expected]), PROMPT, ALL[shape], eos_ids=[eos])
        assert ended.output.token_ids == expected[: expected.index(eos) + 1]
    for steps in range(1, 4):
        asked = iter([False] * (steps + 1) + [True] * 3)
        made = knowing([*PROMPT, *expected])
        whole = made[0].start(PROMPT, Request(ALL[shape], GREEDY, Ending()))
        for _ in whole.run(lambda asked=asked: next(asked)):  # type: ignore[misc]
            pass
        assert whole.output.stop_reason == "cancelled"
        assert whole.output.token_ids == expected[: whole.output.tokens]
        assert made[0].forward.length == len(made[0].cached)
    long = [token % VOCABULARY for token in range(880)]
    full, _ = same(decoders(), long, ALL[shape], tokens=100)
    assert full.output.stop_reason == "context"
    assert len(full.output.token_ids) == 20


def test_a_capture_that_fails_leaves_eager_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a reply too, from the token that comes next."""
    plain, _ = same(decoders(), PROMPT, PLAIN, sampling=WARM[0])
    made = knowing([*PROMPT, *plain.output.token_ids])
    shapes = InTurn([ALL["all"]] * 3 + [ALL["two"]])
    works, calls = graph.capture, []

    def capture(record: Callable[[], None], pool: object) -> Callable[[], None]:
        calls.append(record)
        if len(calls) == 2:
            record()
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        return works(record, pool)

    monkeypatch.setattr(graph, "capture", capture)
    decoding = reply(made[0], PROMPT, shapes, sampling=WARM[0])  # type: ignore[arg-type]
    assert decoding.output.token_ids == plain.output.token_ids
    assert len(shapes.observed) > 5
    forward = forwards("llama")[0]
    assert forward.whole_step_obstacle == (
        "a capture failed (operation not permitted when stream is capturing)"
    )
    again = reply(made[0], PROMPT, shapes, sampling=WARM[0])  # type: ignore[arg-type]
    assert again.output.token_ids == plain.output.token_ids
    assert len(calls) == 2


def test_a_repetition_penalty_is_for_eager_steps(captures: Captures) -> None:
    same(decoders(), PROMPT, ALL["all"], sampling=Sampling(repetition_penalty=1.3))
    assert not captures.records


_READS = ("item", "tolist", "numpy", "nonzero", "cpu", "__bool__", "__int__", "__float__")
_FORBIDDEN = (
    "_local_scalar_dense",
    "nonzero",
    "lift_fresh",
    "masked_select",
    "unique",
    "is_nonzero",
)


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of a step, and refuses those that would make the host wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        name = str(function)
        assert not any(one in name for one in _FORBIDDEN), name
        if name.startswith(("aten.index.", "aten.index_put")):  # how many are true takes a look
            assert all(one is None or one.dtype != torch.bool for one in arguments[1])
        if "resolve" not in name:  # what reading a tensor of the host comes with
            self.names.append(name)
        return function(*arguments, **(options or {}))


def a_step(shape: StepShape, **how: Any) -> tuple[Decoder, Decoding]:
    """Return a decoder that has recorded ``shape``, in the midst of a reply of such steps."""
    made = decoders()[0]
    sampling = how.pop("sampling", GREEDY)
    decoding = made.start(PROMPT, Request(shape, sampling, Ending(max_new_tokens=100), **how))
    run = decoding.run()
    for _ in range(4):
        next(run)
    return made, decoding


HOWS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "drawn": {"sampling": WARM[0]},
    "typical": {"sampling": WARM[1], "typical": Typical(0.8, 0.09, 0.3)},
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ALL)
def test_a_recorded_step_reads_and_makes_no_value_on_the_host(
    shape: str, how: str, captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_step(ALL[shape], **HOWS[how])
    (record,) = captures.records

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the host reads a value of the device")

    with torch.inference_mode(), Operations(), monkeypatch.context() as patched:
        for name in _READS:
            patched.setattr(torch.Tensor, name, refuse)
        for name in ("tensor", "as_tensor", "from_numpy"):
            patched.setattr(torch, name, refuse)
        record()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ["root", "dynamic-64", "all", "bigram"])
def test_a_step_is_one_copy_up_a_launch_and_one_copy_down(
    shape: str, how: str, captures: Captures
) -> None:
    decoder, decoding = a_step(ALL[shape], **HOWS[how])
    steps = decoder.whole_steps()
    assert steps is not None
    (whole,) = steps._graphs.values()
    launches: list[int] = []
    operations = Operations()
    # The copies alone go through torch; neither is given work that the graph could have done.
    whole.replay = lambda: launches.append(len(operations.names))
    with operations:
        decoding._stepper.advance(ALL[shape])
    assert launches == [1]
    assert operations.names == ["aten.copy_.default"] * 2


def test_places_stay_where_they_are(captures: Captures) -> None:
    decoder, decoding = a_step(ALL["all"])
    steps = decoder.whole_steps()
    assert steps is not None
    (whole,) = steps._graphs.values()
    table, cache = decoder.history.table, forwards("llama")[0].cache

    def places() -> list[tuple[int, torch.Size]]:
        fixed = (steps.hidden, whole.outcome, steps._given._device, cache.rows)
        learnt = (table.ids, table.lifts, table.tokens, table.latest)
        return [(tensor.data_ptr(), tensor.shape) for tensor in (*fixed, *learnt)]

    before = places()
    for _ in range(8):
        decoding._stepper.advance(ALL["all"])
    assert places() == before
    assert len(captures.records) == 1


class Outsiders(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the memory that operations use and have not made: a graph only knows its address."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: set[int] = set()
        self.kept: list[torch.Tensor] = []  # nothing is made twice at one address
        self.used: dict[int, StorageWeakRef] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        for tensor in tree_leaves((arguments, options or {})):
            if isinstance(tensor, torch.Tensor) and not tensor.is_mkldnn:
                storage = tensor.untyped_storage()
                if storage._cdata not in self.made:
                    self.used[storage._cdata] = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
        outcome = function(*arguments, **(options or {}))
        for tensor in tree_leaves(outcome):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.used:
                    self.made.add(storage._cdata)
                    self.kept.append(tensor)
        return outcome


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", ALL)
def test_what_a_graph_uses_outlives_the_recording(
    shape: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real graph keeps addresses, and nothing of what is recorded alive."""
    outsiders = Outsiders()

    def capture(record: Callable[[], None], pool: object) -> Callable[[], None]:
        record()
        with outsiders:
            record()
        return lambda: None

    monkeypatch.setattr(graph, "capture", capture)
    decoder = decoders()[0]
    sampling = HOWS[how].get("sampling", GREEDY)
    request = Request(ALL[shape], sampling, Ending(), typical=HOWS[how].get("typical"))
    run = decoder.start(PROMPT, request).run()
    for _ in range(2):
        next(run)
    del run
    outsiders.kept.clear()
    gc.collect()
    assert len(outsiders.used) > 10
    assert decoder.forward.whole_step_obstacle is None  # type: ignore[attr-defined]
    for memory in outsiders.used.values():
        assert not memory.expired()  # type: ignore[no-untyped-call]


def linear_heads(matrix: torch.Tensor, hidden: torch.Tensor, depth: int) -> torch.Tensor:
    return matrix[:depth] @ hidden[0]


@pytest.mark.gpu
@pytest.mark.parametrize("sampling", [GREEDY, *WARM], ids=str)
@pytest.mark.parametrize("kind", ["root", "fixed", "dynamic", "all", "bigram", "turns"])
def test_on_a_gpu_whole_steps_give_the_eager_text(kind: str, sampling: Sampling) -> None:
    """By real graphs, in float32; steps of several sizes share memory."""
    device = torch.device("cuda")
    made: list[Decoder] = []
    for graphs in (True, False):
        forward = lean(copy.deepcopy(random_model("llama")).to(device))
        if not graphs:
            forward.whole_step_obstacle = "the test compares"
        matrix = torch.randn(HEADS, VOCABULARY, 32, generator=torch.Generator().manual_seed(3))
        matrix = matrix.to(device)
        made.append(Decoder(forward, partial(linear_heads, matrix), no_text))
    shapes: dict[str, list[StepShape]] = {
        "root": [FixedTree.of(Tree.root(), device)],
        "fixed": [FixedTree.of(SHAPES["zephyr_stage2"].grow(torch.zeros(0)), device)],
        "dynamic": [DynamicTree(64, 4, 32, device)],
        "all": [MixedTree(64, 7, HEADS, VOCABULARY, device)],
        "bigram": [MixedTree(16, 5, HEADS, VOCABULARY, device, lookup=False)],
    }
    shapes["turns"] = [shapes[name][0] for name in ("all", "root", "root", "bigram")]
    for prompt in (PROMPT, LONG):
        replies = [
            reply(
                decoder,
                prompt,
                InTurn(shapes[kind]),  # type: ignore[arg-type]
                sampling=sampling,
                tokens=60,
                seed=5,
            )
            for decoder in made
        ]
        assert replies[0].output.token_ids == replies[1].output.token_ids
        assert replies[0].output.bursts == replies[1].output.bursts
    assert made[0].forward.whole_step_obstacle is None  # type: ignore[attr-defined]
