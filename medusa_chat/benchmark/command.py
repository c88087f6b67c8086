"""``medusa-chat bench``: loads, measures, prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from medusa_chat import paths, thread_waiting
from medusa_chat.benchmark.settings import BenchSettings
from medusa_chat.benchmark.table import Table, show
from medusa_chat.errors import INTERRUPTED, ModelError, UsageError
from medusa_chat.library.fetching import fetch_missing
from medusa_chat.run.command import Interrupt
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.status_line import StatusLine, tell

if TYPE_CHECKING:
    from medusa_chat.engine.local import Engine

_SHAPE_CONTEXT = 4096
_LONGEST_REASON = 160


def run(bench: BenchSettings, model: ModelSettings, decode: DecodeSettings) -> int:
    """Measure what ``bench`` asks for, print it, and return the exit status.

    It is 1 when tokens that have to be the same are not, and 130 after Ctrl+C. Raises
    MedusaChatError for what cannot be measured at all.
    """
    thread_waiting.settle()
    if bench.suite == "gpu":
        return _gpu(bench)
    suites = {"chat": _chat, "steps": _steps, "replay": _replay, "quality": _quality}
    try:
        return suites[bench.suite](bench, model, decode)
    except (MemoryError, RuntimeError) as error:
        from medusa_chat.models.out_of_memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        raise _out_of_memory(error, bench, model) from error


def _out_of_memory(error: Exception, bench: BenchSettings, model: ModelSettings) -> ModelError:
    """Return what is to be said when memory ran out between loading a model and the last figure."""
    what, option = (
        (f"a random {bench.shape}", "--shape") if bench.shape else (model.model, "--model")
    )
    fewer = "" if model.quantization == "4bit" else "--load-in-4bit, "
    words = str(error).partition("\n")[0][:_LONGEST_REASON]
    return ModelError(
        f"Out of memory while {what} was measured{f' ({words})' if words else ''}: free some, or "
        f"take less with {fewer}a smaller --context or a smaller {option}."
    )


def _chat(bench: BenchSettings, model: ModelSettings, decode: DecodeSettings) -> int:
    from medusa_chat.benchmark import report
    from medusa_chat.benchmark.cases import read_cases
    from medusa_chat.benchmark.chat_suite import run_chat
    from medusa_chat.benchmark.machine import command_line
    from medusa_chat.benchmark.modes import parse_mode

    cases = read_cases(bench.prompts, bench.prompts_per_category)
    modes = [parse_mode(name, decode) for name in bench.modes]
    engine, usual_threads = _loaded(bench, model)
    interrupt = Interrupt()
    interrupt.listen()
    with StatusLine() as line:
        result = run_chat(
            engine,
            bench.shape or model.model,
            cases,
            modes,
            bench.peers,
            decode,
            repeats=bench.repeats,
            usual_threads=usual_threads,
            cancelled=lambda: interrupt.requested,
            report=line.show,
        )
    if not result.measurement.items and not interrupt.requested:
        reasons = result.measurement.skipped
        first = f", the first one since: {reasons[0].reason}" if reasons else ""
        raise UsageError(f"None of the {len(cases)} prompts could be answered{first}")
    publish(report.tables(result), report.record(result, command_line()), as_json=bench.as_json)
    for agreement in result.broken:
        tell(
            f"medusa-chat: the tokens differ, which they must not in 32 bits. "
            f"{report.agreement_words(agreement)}"
        )
    if interrupt.requested:
        return INTERRUPTED
    return 1 if result.broken or result.measurement.skipped else 0


def _steps(bench: BenchSettings, model: ModelSettings, _decode: DecodeSettings) -> int:
    from medusa_chat.benchmark import steps_suite
    from medusa_chat.benchmark.machine import command_line

    engine, _ = _loaded(bench, model)
    interrupt = Interrupt()
    interrupt.listen()
    with StatusLine() as line:
        result = steps_suite.run_steps(
            engine,
            bench.shape or model.model,
            prefix_tokens=bench.prefix_tokens,
            repeats=bench.repeats,
            cancelled=lambda: interrupt.requested,
            report=line.show,
        )
    record = steps_suite.record(result, command_line())
    publish(steps_suite.tables(result), record, as_json=bench.as_json)
    return INTERRUPTED if interrupt.requested else 0


def _replay(bench: BenchSettings, model: ModelSettings, decode: DecodeSettings) -> int:
    from medusa_chat.benchmark import replay_suite
    from medusa_chat.benchmark.cases import read_cases
    from medusa_chat.benchmark.machine import command_line

    cases = read_cases(bench.prompts, bench.prompts_per_category)
    engine, _ = _loaded(bench, model)
    interrupt = Interrupt()
    interrupt.listen()
    with StatusLine() as line:
        result = replay_suite.run_replay(
            engine,
            bench.shape or model.model,
            cases,
            decode,
            cancelled=lambda: interrupt.requested,
            report=line.show,
        )
    record = replay_suite.record(result, command_line())
    publish(replay_suite.tables(result), record, as_json=bench.as_json)
    if interrupt.requested:
        return INTERRUPTED
    return 1 if result.skipped else 0


def _quality(bench: BenchSettings, model: ModelSettings, decode: DecodeSettings) -> int:
    from medusa_chat.benchmark import quality_suite
    from medusa_chat.benchmark.cases import read_cases
    from medusa_chat.benchmark.machine import command_line
    from medusa_chat.benchmark.modes import parse_mode
    from medusa_chat.benchmark.perplexity import read_text

    text = read_text(bench.text)
    cases = read_cases(bench.prompts, bench.prompts_per_category)
    modes = [parse_mode(name, decode) for name in bench.modes]
    settings = [model]
    if bench.against is not None:
        settings.append(replace(model, model=bench.against, base_model=None))
    # Both before the first is measured, which may take long.
    told = tuple(notice for one in settings for notice in fetch_missing(one))
    interrupt = Interrupt()
    results: list[quality_suite.ModelQuality] = []
    for one in settings:
        engine, _ = _loaded(bench, one, told)
        interrupt.listen()
        with StatusLine() as line:
            result = quality_suite.measure_quality(
                engine,
                one.model,
                cases,
                modes,
                text,
                cancelled=lambda: interrupt.requested,
                report=line.show,
            )
        results.append(result)
        engine.let_go()
        if bench.output is not None:
            for file in quality_suite.save_answers(paths.written(bench.output), result):
                tell(f"Answers: {file}")
        if interrupt.requested:
            break
    against = results[1] if len(results) > 1 else None
    publish(
        quality_suite.tables(results[0], against, decode),
        quality_suite.record(results[0], against, decode, command_line()),
        as_json=bench.as_json,
    )
    broken = [(one.name, mode) for one in results for mode in one.broken]
    for name, mode in broken:
        tell(
            f"medusa-chat: the tokens differ, which they must not in 32 bits: {name}, {mode.name} "
            f"at {mode.first_difference}."
        )
    if interrupt.requested:
        return INTERRUPTED
    return 1 if broken or any(one.skipped for one in results) else 0


def _gpu(bench: BenchSettings) -> int:
    from medusa_chat.benchmark import gpu_suite, gpu_targets
    from medusa_chat.benchmark.gpu_processes import run_in_processes
    from medusa_chat.benchmark.machine import command_line

    gpu_suite.check_device()
    interrupt = Interrupt()
    interrupt.listen()
    results = []
    stream = sys.stderr if bench.as_json else sys.stdout
    with StatusLine() as line:
        plan = gpu_suite.GpuPlan()
        parts = run_in_processes(
            plan, command_line(), cancelled=lambda: interrupt.requested, report=line.show
        )
        for result in parts:
            results.append(result)
            line.clear()
            # At once: what comes later may take minutes.
            show([Table(result.title, (), (), (result.problem or "",)), *result.tables], stream)
    targets = gpu_targets.targets(plan, results)
    publish(
        [gpu_suite.overview(results), gpu_targets.table(targets)],
        gpu_suite.record(results, command_line())
        | {"targets": [asdict(target) for target in targets]},
        as_json=bench.as_json,
    )
    if interrupt.requested:
        return INTERRUPTED
    return 1 if any(one.tokens_differ or one.problem for one in results) else 0


def publish(tables: Sequence[Table], record: dict[str, Any], *, as_json: bool) -> None:
    """Print the tables on stdout; or, with ``as_json``, on stderr, and one line on stdout."""
    show(tables, sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(record), flush=True)


def _loaded(
    bench: BenchSettings, model: ModelSettings, told: tuple[str, ...] | None = None
) -> tuple[Engine, int]:
    """Return an engine with the model, and how many threads torch had before.

    ``told`` is what was said when the model was fetched; None has it fetched now.
    """
    import torch

    from medusa_chat.benchmark.forward_choice import use_forward
    from medusa_chat.engine.local import Engine

    usual_threads = torch.get_num_threads()
    if told is None:
        told = fetch_missing(model) if bench.shape is None else ()
    engine = Engine()
    with StatusLine() as line:
        if bench.shape is None:
            engine.load(model, line.show)
        else:
            from medusa_chat.benchmark.random_model import random_model

            line.show(f"Making a random model of the shape of {bench.shape}")
            context = model.context_tokens or max(_SHAPE_CONTEXT, 2 * bench.prefix_tokens)
            engine.adopt(random_model(bench.shape, model, context))
    for notice in engine.model.notices:
        if notice not in told:
            tell(notice)
    if bench.suite == "chat" and engine.model.plain_reason:
        tell(f"Medusa is off: {engine.model.plain_reason}.")
    use_forward(engine.model, bench.forward)
    return engine, usual_threads
