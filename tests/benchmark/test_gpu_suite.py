"""What matters on a CUDA device, orchestrated on a CPU with a small shape."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medusa_chat.benchmark import gpu_suite, steps_suite
from medusa_chat.benchmark.cases import read_cases
from medusa_chat.benchmark.chat_suite import ChatResult
from medusa_chat.benchmark.gpu_suite import GpuPlan, GpuSuite, overview, record
from medusa_chat.benchmark.random_model import random_model, shape_names
from medusa_chat.benchmark.settings import SHAPES
from medusa_chat.engine.local import Engine
from medusa_chat.errors import ModelError
from medusa_chat.settings import ModelSettings

PLAN = GpuPlan(
    device="cpu",
    shape="builtin",
    precisions=(("float32", "none"), ("bfloat16", "none")),
    prefix_tokens=16,
    new_tokens=4,
    repeats=1,
    prompts_per_category=1,
)
TITLES = [
    "built-in model, float32",
    "built-in model, bfloat16",
    "builtin, float32: steps",
    "builtin, float32: decoding",
    "builtin, bfloat16: steps",
    "builtin, bfloat16: decoding",
]


@pytest.fixture(autouse=True)
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer one of the shipped prompts only."""
    first = read_cases(None)[:1]
    monkeypatch.setattr(gpu_suite, "read_cases", lambda *_arguments: first)


def test_every_part_is_measured() -> None:
    results = list(GpuSuite(PLAN, "medusa-chat bench --suite gpu").run())
    assert [one.title for one in results] == TITLES
    assert [one.problem for one in results] == [None] * 6
    assert not any(one.tokens_differ for one in results)
    made = record(results, "command")
    suites = [part["result"]["suite"] for part in made["parts"]]
    assert suites == ["chat", "chat", "steps", "chat", "steps", "chat"]
    exactness = made["parts"][0]["result"]
    assert exactness["tokens_must_agree"]
    assert {one["name"] for one in exactness["agreement"]} == {
        *("plain", "static", "dynamic", "auto", "transformers")
    }
    # transformers' own decoding stands beside the large model once.
    peers = [[mode["name"] for mode in made["parts"][index]["result"]["modes"]] for index in (3, 5)]
    assert peers == [["plain", "dynamic", "transformers"], ["plain", "dynamic"]]
    assert all(one.tables for one in results)
    assert [row[2] for row in overview(results).rows] == ["measured"] * 6


def test_a_part_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access\nwas encountered")

    monkeypatch.setattr(steps_suite, "run_steps", fail)
    results = {one.title: one for one in GpuSuite(PLAN, "").run()}
    failed = results["builtin, float32: steps"]
    assert failed.problem == "failed: CUDA error: an illegal memory access was encountered"
    assert failed.tables == ()
    assert results["builtin, float32: decoding"].problem is None


def test_parts_without_time_are_named() -> None:
    def clock() -> Iterator[float]:
        yield from (0.0, 1.0, 1.0)  # begun; in time; the first part begins
        while True:
            yield 1000.0

    times = clock()
    results = list(GpuSuite(PLAN, "", clock=lambda: next(times)).run())
    assert len(results) == 4
    # What a part had not finished when its time was over is not made up.
    assert all("no time was left" in (one.problem or "") for one in results)
    assert [row[0] for row in overview(results).rows[:2]] == TITLES[:2]


def test_interrupted_at_once() -> None:
    results = list(GpuSuite(PLAN, "", cancelled=lambda: True).run())
    assert {one.problem for one in results} == {"not measured: interrupted"}


def test_tokens_that_differ_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChatResult, "broken", property(lambda _self: ("something",)))
    first = next(GpuSuite(PLAN, "").run())
    assert first.tokens_differ


def test_shapes_can_be_named_on_the_command_line() -> None:
    assert shape_names() == SHAPES


def test_a_random_model_is_loaded_as_any_other_and_leaves_nothing() -> None:
    engine = Engine()
    with random_model("builtin", ModelSettings(context_tokens=64)) as settings:
        loaded = engine.load(settings, lambda _stage, _fraction: None)
        folder = settings.model
    assert loaded.context_tokens == 64
    assert loaded.heads == 4
    with pytest.raises(ModelError, match="does not exist"):
        Engine().load(ModelSettings(folder), lambda _stage, _fraction: None)


def test_no_room_for_a_random_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medusa_chat.benchmark.random_model._save", full)
    with (
        pytest.raises(ModelError, match=r"No space left on device.*TMPDIR"),
        random_model("builtin", ModelSettings()),
    ):
        raise AssertionError("nothing was made")
