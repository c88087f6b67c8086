"""Whole steps by graphs, with the capture alone replaced: what is recorded is run again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.decoder import Decoder, Request
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.history import History
from medusa_chat.decoding.lean import graph
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree

from .driving import CPU, GREEDY, PLAIN, SHAPES, decoder_for, no_text, reply
from .graphed import ALL, LONG, PROMPT, WARM, Captures, InTurn, decoders, forwards, knowing, same
from .lean.lean_models import FAMILY, lean
from .random_models import (
    HEADS,
    VOCABULARY,
    OracleHeads,
    generated,
    random_heads,
    random_model,
)

pytestmark = pytest.mark.usefixtures("alike")


@pytest.fixture(autouse=True)
def _replaced(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("gpu") is None:
        request.getfixturevalue("captures")


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

    def capture(record: Callable[[], None], pool: graph.SharedPool) -> Callable[[], None]:
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


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        (1.0, "CUDA graphs"),
        (1.3, "CUDA graphs in part: a repetition penalty is worked out on the host"),
    ],
)
def test_what_is_said_of_a_reply_is_how_it_was_run(
    penalty: float, words: str, captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = decoders()[0]
    sampling = Sampling(repetition_penalty=penalty)
    decoding = reply(decoder, PROMPT, ALL["all"], sampling=sampling)
    assert bool(captures.records) is (words == "CUDA graphs")
    assert decoding.launches is None
    monkeypatch.setattr(LeanForward, "eager_reason", None)
    monkeypatch.setattr(decoder.forward, "device", torch.device("cuda"))
    assert decoding.launches == words


def linear_heads(
    matrix: torch.Tensor, hidden: torch.Tensor, depth: int, root: torch.Tensor
) -> torch.Tensor:
    """Return logits [D, V] for ``matrix`` [K, V, H]; the ``root`` [1] favours itself."""
    logits = matrix[:depth] @ hidden[0]
    return logits.index_add(1, root, logits.new_ones(depth, 1))


@pytest.mark.gpu
@pytest.mark.parametrize("sampling", [GREEDY, *WARM], ids=str)
@pytest.mark.parametrize("kind", ["root", "fixed", "dynamic", "all", "bigram", "turns"])
def test_on_a_gpu_whole_steps_give_the_eager_text(kind: str, sampling: Sampling) -> None:
    """By real graphs, in float32; steps of several sizes share memory."""
    assert_graphs_give_the_eager_text(torch.device("cuda"), kind, sampling)


def test_what_is_checked_on_a_gpu_holds_here() -> None:
    """So that the check itself is no surprise where one is met."""
    assert_graphs_give_the_eager_text(CPU, "turns", WARM[0])


def assert_graphs_give_the_eager_text(device: torch.device, kind: str, sampling: Sampling) -> None:
    made: list[Decoder] = []
    for graphs in (True, False):
        forward = lean(copy.deepcopy(random_model("llama")).to(device))
        if not graphs:
            forward.whole_step_obstacle = "the test compares"
        elif device.type == "cpu":  # where the capture is replaced
            forward.whole_step_obstacle = None
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
