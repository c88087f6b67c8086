"""The orchestration of the GPU suite, on a CPU and a tiny shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from command_line import Call

from medusa_chat.benchmark import command, gpu_processes, gpu_suite, steps_suite
from medusa_chat.benchmark.cases import read_cases
from medusa_chat.benchmark.chat_suite import ChatResult
from medusa_chat.benchmark.gpu_suite import GpuPlan, GpuSuite, PartResult, overview, record
from medusa_chat.benchmark.gpu_targets import table, targets
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.engine.local import Engine
from medusa_chat.models import quantization

PLAN = GpuPlan(
    device="cpu",
    shape="builtin",
    precisions=(("float32", "none"), ("bfloat16", "fp8")),
    sizes=(1, 4),
    prefix_tokens=16,
    new_tokens=4,
    repeats=1,
    prompts_per_category=1,
    part_seconds=1000,
    budget_seconds=1000,
)
TITLES = [
    "copy bandwidth",
    "builtin, float32: steps",
    "builtin, float32: decoding",
    "builtin, fp8: steps",
    "builtin, fp8: decoding",
    "built-in model, float32",
    "built-in model, bfloat16",
    "builtin, float32: transformers",
]


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer one of the shipped prompts only, and take the CPU for a device with float8."""
    first = read_cases(None)[:1]
    monkeypatch.setattr(gpu_suite, "read_cases", lambda *_arguments: first)
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (0, 0))


def test_every_part_is_measured() -> None:
    results = list(GpuSuite(PLAN, "medusa-chat bench --suite gpu").run())
    assert [(one.title, one.problem) for one in results] == [(title, None) for title in TITLES]
    assert not any(one.tokens_differ for one in results)
    parts = {part["title"]: part["result"] for part in record(results, "command")["parts"]}
    steps = parts["builtin, fp8: steps"]["usual"]
    assert steps["quantization"] == "fp8"
    assert [one["nodes"] for one in steps["steps"]] == [1, 4]
    assert parts["builtin, fp8: steps"]["eager"] is None  # on a CPU all of them are
    exactness = parts["built-in model, float32"]
    assert exactness["tokens_must_agree"]
    assert {one["name"] for one in exactness["agreement"]} == {
        *("plain", "static", "dynamic", "auto", "transformers")
    }
    # transformers' own decoding stands beside the large model once.
    modes = {title: [mode["name"] for mode in parts[title]["modes"]] for title in TITLES[2::5]}
    assert modes == {
        "builtin, float32: decoding": ["plain", "dynamic:4", "dynamic:64"],
        "builtin, float32: transformers": ["plain", "transformers"],
    }
    assert all(one.tables for one in results)
    assert {row[2] for row in overview(results).rows} == {"measured"}
    made = {target.what: target for target in targets(PLAN, results)}
    assert made["builtin, float32: T(64) / T(1)"].verdict == "not measured"  # not among the sizes
    assert made["builtin, float32: plain, tok/s"].holds is not None
    assert made["builtin, fp8: steps are run from"].measured == "eager"
    assert made["built-in model, float32: tokens of all modes"].verdict == "met"


def test_steps_are_timed_without_graphs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr("medusa_chat.decoding.lean.forward.graph_obstacle", lambda _model: None)
    real = steps_suite.run_steps

    def run_steps(engine: Engine, *rest: object, **options: object) -> object:
        forward = engine.model.decoder.forward
        assert isinstance(forward, LeanForward)
        used.append(forward.graphs_in_use)
        with forward.eagerly():
            return real(engine, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(steps_suite, "run_steps", run_steps)
    monkeypatch.setattr("medusa_chat.decoding.lean.graph.capture", lambda run, _: run)
    result = list(GpuSuite(dataclasses.replace(PLAN, precisions=PLAN.precisions[:1]), "").run())[1]
    assert result.problem is None
    assert used == [True, False]
    assert result.record is not None
    assert result.record["eager"]["launches"] is None
    assert len(result.tables) == 2


def test_a_model_that_computes_wrongly_is_a_problem_however_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "MistralForCausalLM gives other logits in a step of 7 nodes than over plain text"
    monkeypatch.setattr("medusa_chat.benchmark.random_model.defect", lambda *_: words)
    steps = next(GpuSuite(dataclasses.replace(PLAN, precisions=PLAN.precisions[:1]), "").run(1))
    assert steps.problem == f"wrong: {words}."
    assert steps.record is not None
    assert steps.tables


def test_a_part_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access\nwas encountered")

    monkeypatch.setattr(steps_suite, "run_steps", fail)
    results = {one.title: one for one in GpuSuite(PLAN, "").run()}
    failed = results["builtin, float32: steps"]
    begin = "failed: CUDA error: an illegal memory access was encountered (gpu_suite.py, line "
    assert failed.problem is not None
    assert failed.problem.startswith(begin)
    assert failed.tables == ()
    assert results["builtin, float32: decoding"].problem is None


def test_parts_from_a_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("_steps", "_builtin", "_decoding", "_bandwidth"):
        monkeypatch.setattr(GpuSuite, part, lambda *_arguments: PartResult(""))
    assert GpuSuite(PLAN, "").titles() == TITLES
    assert [one.title for one in GpuSuite(PLAN, "").run(5)] == TITLES[5:]


def test_a_precision_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (8, 9))

    def nothing(*_arguments: object, **_options: object) -> PartResult:
        return PartResult("")

    for part in ("_builtin", "_decoding", "_bandwidth"):
        monkeypatch.setattr(GpuSuite, part, nothing)
    results = {one.title: one for one in GpuSuite(PLAN, "").run()}
    assert results["builtin, float32: steps"].problem is None
    assert "Float8 needs an Ada" in (results["builtin, fp8: steps"].problem or "")


def test_parts_without_time_are_named() -> None:
    def clock() -> Iterator[float]:
        yield from (0.0, 1.0, 1.0)  # begun; in time; the first part begins
        while True:
            yield 2000.0

    times = clock()
    results = list(GpuSuite(PLAN, "", clock=lambda: next(times)).run())
    assert [one.title for one in results] == TITLES
    assert all("no time was left" in (one.problem or "") for one in results[1:])
    assert all(one.holds is None for one in targets(PLAN, results))


def test_compiling_is_not_begun_too_late() -> None:
    plan = dataclasses.replace(PLAN, compile_seconds=2000.0, precisions=PLAN.precisions[:1])
    *others, last = GpuSuite(plan, "").run()
    assert [one.problem for one in others] == [None] * len(others)
    assert (last.title, last.problem) == (TITLES[-1], "not measured: no time was left")


def test_a_part_that_takes_too_long_is_cut_short() -> None:
    plan = dataclasses.replace(PLAN, part_seconds=-1)
    results = {one.title: one for one in GpuSuite(plan, "").run()}
    assert results["builtin, fp8: steps"].problem == "not measured: no time was left"
    assert results["builtin, float32: transformers"].problem is None  # it has a time of its own


def test_interrupted_at_once() -> None:
    results = list(GpuSuite(PLAN, "", cancelled=lambda: True).run())
    assert {one.problem for one in results} == {"not measured: interrupted"}


def test_transformers_is_compiled_for_the_large_model_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes a minute or more, cannot be cut short, and comes before the first prompt."""
    compiled: list[tuple[str, bool]] = []

    def run_chat(_engine: object, name: str, *_arguments: object, **options: object) -> None:
        compiled.append((name, bool(options["compiles"])))
        raise RuntimeError("that is all")

    monkeypatch.setattr(gpu_suite, "run_chat", run_chat)
    list(GpuSuite(dataclasses.replace(PLAN, precisions=PLAN.precisions[:1]), "").run(3))
    assert compiled == [("builtin", False), ("builtin", False), ("builtin, float32", True)]


def test_it_ends_within_eight_minutes() -> None:
    plan = GpuPlan()
    starting = 10  # importing everything, before the time is counted
    assert plan.budget_seconds + gpu_processes._GRACE_SECONDS + starting <= 8 * 60
    assert plan.peer_seconds > plan.compile_seconds + plan.part_seconds


def test_tokens_that_differ_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChatResult, "broken", property(lambda _self: ("something",)))
    plan = dataclasses.replace(PLAN, precisions=PLAN.precisions[:1])
    results = {one.title: one for one in GpuSuite(plan, "").run()}
    assert results["built-in model, float32"].tokens_differ
    made = {target.what: target.verdict for target in targets(plan, list(results.values()))}
    assert made["built-in model, float32: tokens of all modes"] == "missed"


def test_targets_of_an_h200() -> None:
    """Figures as they would come, without a device."""
    plan = GpuPlan()

    def part(title: str, made: dict[str, object]) -> PartResult:
        return PartResult(title, record=made)

    def steps(kind: str, ratios: dict[int, float], launches: str | None) -> PartResult:
        timed = [{"nodes": nodes, "ratio": ratio} for nodes, ratio in ratios.items()]
        return part(f"zephyr-7b, {kind}: steps", {"usual": {"launches": launches, "steps": timed}})

    def decoding(title: str, **speeds: float) -> PartResult:
        modes = [
            {"name": name, "tokens_per_second": speed, "fraction": 0.81}
            for name, speed in speeds.items()
        ]
        return part(f"zephyr-7b, {title}", {"modes": modes})

    results = [
        steps("bfloat16", {1: 1.0, 64: 1.1}, "CUDA graphs"),
        decoding("bfloat16: decoding", plain=250.0),
        steps("4bit", {1: 1.0, 4: 1.5}, "CUDA graphs"),
        decoding("4bit: decoding", plain=400.0),
        steps("fp8", {1: 1.0}, "eager: a capture failed"),
        decoding("fp8: decoding", plain=380.0),
        decoding("bfloat16: transformers", plain=250.0, transformers=125.0),
    ]
    verdicts = {row[0]: row[2:] for row in table(targets(plan, results)).rows}
    assert verdicts["zephyr-7b, bfloat16: T(64) / T(1)"] == ("1.10", "met")
    assert verdicts["zephyr-7b, bfloat16: plain, of the copy bandwidth"] == ("0.81", "met")
    assert verdicts["zephyr-7b, bfloat16: plain, tok/s"] == ("250", "met")
    assert verdicts["zephyr-7b, 4bit: T(4) / T(1)"] == ("1.50", "missed")
    assert verdicts["zephyr-7b, 4bit: plain, tok/s"] == ("400", "missed")
    assert verdicts["zephyr-7b, fp8: plain, tok/s"] == ("380", "met")
    assert verdicts["zephyr-7b, fp8: steps are run from"] == ("eager: a capture failed", "missed")
    assert verdicts["zephyr-7b, 8bit: steps are run from"] == ("—", "not measured")
    assert verdicts["zephyr-7b, bfloat16: plain against transformers' best"] == ("2.00", "met")


def test_on_the_command_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(command, "Interrupt", lambda: _Interrupted())
    (made,) = call("bench", "--suite", "gpu", "--json").records
    assert made["suite"] == "gpu"
    assert {part["problem"] for part in made["parts"]} == {"not measured: interrupted"}
    assert {target["holds"] for target in made["targets"]} == {None}


class _Interrupted:
    requested = True

    def listen(self) -> None:
        pass
