"""T(n) of one model, as a table and as an object: what a tree costs on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medusa_chat.benchmark.bandwidth import copy_bandwidth
from medusa_chat.benchmark.forward_choice import forward_notes, forward_record, model_words
from medusa_chat.benchmark.machine import Machine, describe
from medusa_chat.benchmark.peak_memory import PeakMemory
from medusa_chat.benchmark.report import machine_words
from medusa_chat.benchmark.steps import SIZES, StepTime, time_steps
from medusa_chat.benchmark.table import DASH, Table, milliseconds, number
from medusa_chat.benchmark.traffic import step_bytes
from medusa_chat.engine.local import Engine
from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.stages import Report
from medusa_chat.quantities import percent, rate, size

_COLUMNS = ("nodes", "ms", "T(n)/T(1)", "bytes", "rate", "of copy")


@dataclass(frozen=True, slots=True)
class StepsResult:
    """T(n) and what it is compared with."""

    name: str
    machine: Machine
    model: LoadedModel
    prefix_tokens: int
    repeats: int
    copy_bytes_per_second: float
    bytes_per_step: int
    """That a step reads, whatever its nodes."""
    steps: tuple[StepTime, ...]
    peak_bytes: int | None
    interrupted: bool

    def ratio(self, step: StepTime) -> float | None:
        """Return T(n) / T(1)."""
        one = next((other.seconds for other in self.steps if other.nodes == 1), None)
        return None if one is None else step.seconds / one


def run_steps(
    engine: Engine,
    name: str,
    *,
    prefix_tokens: int,
    repeats: int,
    cancelled: Callable[[], bool],
    report: Report,
    sizes: Sequence[int] = SIZES,
) -> StepsResult:
    """Time the steps of the model that ``engine`` holds, called ``name``.

    A context that is too short for ``prefix_tokens`` is filled as far as a tree leaves it.
    """
    model = engine.model
    forward = model.decoder.forward
    device = forward.device
    prefix = max(1, min(prefix_tokens, forward.context_tokens - max(sizes)))
    machine = describe(device)
    report("Measuring the memory's bandwidth", None)
    bandwidth = copy_bandwidth(device)
    peak = PeakMemory(device)
    steps = time_steps(
        forward,
        prefix_tokens=prefix,
        sizes=sizes,
        repeats=repeats,
        cancelled=cancelled,
        report=report,
    )
    engine.forget()
    return StepsResult(
        name=name,
        machine=machine,
        model=model,
        prefix_tokens=prefix,
        repeats=repeats,
        copy_bytes_per_second=bandwidth,
        bytes_per_step=step_bytes(model, prefix, drafts=False),
        steps=tuple(steps),
        peak_bytes=peak.bytes,
        interrupted=cancelled(),
    )


def tables(result: StepsResult) -> list[Table]:
    """Return the times as a table."""
    rows = []
    for step in result.steps:
        speed = result.bytes_per_step / step.seconds
        rows.append(
            (
                str(step.nodes),
                milliseconds(step.seconds),
                number(result.ratio(step)),
                size(result.bytes_per_step),
                rate(speed),
                percent(speed, result.copy_bytes_per_second),
            )
        )
    notes = [machine_words(result.machine, result.copy_bytes_per_second)]
    peak = DASH if result.peak_bytes is None else size(result.peak_bytes)
    notes.append(f"Peak memory {peak}.")
    notes += forward_notes(result.model)
    if result.interrupted:
        notes.append("Interrupted: medians of what had been timed.")
    title = (
        f"{result.name} ({model_words(result.model)}), one forward pass over n nodes "
        f"behind {result.prefix_tokens} tokens; medians of {result.repeats}"
    )
    return [Table(title, _COLUMNS, tuple(rows), tuple(notes))]


def record(result: StepsResult, command: str) -> dict[str, Any]:
    """Return everything as one JSON object. Times are seconds, sizes bytes."""
    model = result.model
    return {
        "suite": "steps",
        "command": command,
        "model": result.name,
        "dtype": model.dtype,
        "quantization": model.settings.quantization,
        "device": model.device,
        **forward_record(model),
        "machine": dataclasses.asdict(result.machine),
        "prefix_tokens": result.prefix_tokens,
        "repeats": result.repeats,
        "copy_bytes_per_second": result.copy_bytes_per_second,
        "bytes_per_step": result.bytes_per_step,
        "peak_bytes": result.peak_bytes,
        "steps": [
            {
                "nodes": step.nodes,
                "seconds": step.seconds,
                "ratio": result.ratio(step),
                "bytes_per_second": result.bytes_per_step / step.seconds,
                "fraction": result.bytes_per_step / step.seconds / result.copy_bytes_per_second,
            }
            for step in result.steps
        ],
        "interrupted": result.interrupted,
    }
