"""What the chat suite has found, as tables for a person and as one object for a program."""

from __future__ import annotations

import dataclasses
from typing import Any

from medusa_chat.benchmark.agreement import Agreement
from medusa_chat.benchmark.chat_suite import ChatResult
from medusa_chat.benchmark.forward_choice import forward_notes, forward_record, model_words
from medusa_chat.benchmark.machine import Machine
from medusa_chat.benchmark.summary import Summary
from medusa_chat.benchmark.table import DASH, Table, milliseconds, number
from medusa_chat.quantities import percent, rate, size

_SPEED_COLUMNS = (
    *("mode", "tok/s", "speed-up", "accepted/step", "nodes", "ms/step", "T(n)/T(1)", "first ms"),
)
_COST_COLUMNS = ("mode", "forward", "heads", "rest", "bytes/step", "of copy", "peak memory")
_NO_SHARES = "A step is one CUDA graph here: what its parts take cannot be told apart."


def tables(result: ChatResult) -> list[Table]:
    """Return the figures over all prompts, those of each category, and what is to be said."""
    shown = [
        Table(
            _title(result),
            _SPEED_COLUMNS,
            tuple(map(_speed, result.summaries)),
            ("; ".join(f"{one.name}: {one.words}" for one in result.summaries),),
        ),
        Table(
            "Where a step's time goes, and what it reads",
            _COST_COLUMNS,
            tuple(_cost(result, one) for one in result.summaries),
            (_NO_SHARES,) if result.shares is None else (),
        ),
    ]
    if len(result.by_category) > 1:
        shown.append(_by_category(result))
    return [*shown, Table("Tokens", (), (), tuple(notes(result)))]


def notes(result: ChatResult) -> list[str]:
    """Return what the figures do not say: equality of the tokens, prompts left out, the machine."""
    said = [agreement_words(one) for one in result.agreements if one.name != one.reference]
    if not said:
        said = ["Nothing to compare: fewer than two modes that are exact."]
    said += [f"{name} was left out: {why}" for name, why in result.measurement.dropped.items()]
    skipped = result.measurement.skipped
    if skipped:
        said.append(f"{len(skipped)} not answered:")
        said += [f"  {one.id}: {one.reason}" for one in skipped]
    for name, trials in result.trials.items():
        tried = ", ".join(f"{words} {speed:.0f}" for words, speed in trials.items())
        said.append(f"{name} tried (tok/s): {tried}")
    said += [f"{variant} failed: {why}" for variant, why in result.failures.items()]
    said += forward_notes(result.model, result.decode.repetition_penalty)
    said.append(machine_words(result.machine, result.copy_bytes_per_second))
    if result.measurement.interrupted:
        said.append("Interrupted: these are the prompts that everybody had answered.")
    return said


def agreement_words(agreement: Agreement) -> str:
    """Return in one line how far the tokens are the reference's."""
    share = (
        f"{agreement.name}: {agreement.identical} of {agreement.replies} replies are those of "
        f"{agreement.reference}"
    )
    first = agreement.first
    if first is None:
        return share
    one, other = ("its end" if token is None else str(token) for token in first.tokens)
    gap = "" if first.gap is None else f", {first.gap:.2g} apart in the model's own scores"
    return (
        f"{share}; first difference: prompt {first.item}, token {first.position + 1}, "
        f"{one} against {other}{gap}"
    )


def machine_words(machine: Machine, copy_bytes_per_second: float) -> str:
    """Return in one line what was measured on."""
    load = "" if machine.load is None else f", load {machine.load:.1f} at the start"
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    where = machine.processor if machine.device == "CPU" else machine.device
    return (
        f"On {where} ({machine.cores} core{'' if machine.cores == 1 else 's'}, "
        f"{machine.threads} thread{'' if machine.threads == 1 else 's'}{load}), "
        f"copying {rate(copy_bytes_per_second)}; {versions}"
    )


def record(result: ChatResult, command: str) -> dict[str, Any]:
    """Return everything as one JSON object. Times are seconds, sizes bytes."""
    measurement = result.measurement
    return {
        "suite": "chat",
        "command": command,
        "model": result.name,
        "base_model": result.model.base_name,
        "dtype": result.model.dtype,
        "quantization": result.model.settings.quantization,
        "device": result.model.device,
        **forward_record(result.model, result.decode.repetition_penalty),
        "heads": result.model.heads,
        "settings": dataclasses.asdict(result.decode),
        "repeats": result.repeats,
        "prompts": len(measurement.items),
        "machine": dataclasses.asdict(result.machine),
        "copy_bytes_per_second": result.copy_bytes_per_second,
        "modes": [_summary_record(result, one) for one in result.summaries],
        "categories": {
            name: [_figures(one) for one in summaries]
            for name, summaries in result.by_category.items()
        },
        "shares": None
        if result.shares is None
        else [dataclasses.asdict(one) for one in result.shares],
        "agreement": [dataclasses.asdict(one) for one in result.agreements],
        "tokens_must_agree": result.is_full_precision,
        "tokens_agree": all(one.holds for one in result.agreements if not one.is_peer),
        "skipped": [dataclasses.asdict(one) for one in measurement.skipped],
        "dropped": measurement.dropped,
        "trials": result.trials,
        "failures": result.failures,
        "interrupted": measurement.interrupted,
    }


def _title(result: ChatResult) -> str:
    model, decode = result.model, result.decode
    how = "greedy" if decode.temperature == 0 else f"temperature {decode.temperature:g}"
    count = len(result.measurement.items)
    return (
        f"{result.name} ({model_words(model)}), {how}, at most "
        f"{decode.max_new_tokens} new tokens; medians over {count} "
        f"prompt{'' if count == 1 else 's'}, {result.repeats} "
        f"run{'' if result.repeats == 1 else 's'} each"
    )


def _speed(one: Summary) -> tuple[str, ...]:
    return (
        one.name,
        number(one.tokens_per_second, 0),
        number(one.speedup, 2, "×"),
        number(one.accepted_per_step),
        number(one.nodes_per_step, 1),
        milliseconds(one.step_seconds),
        number(one.step_ratio),
        milliseconds(one.first_token_seconds),
    )


def _cost(result: ChatResult, one: Summary) -> tuple[str, ...]:
    traffic = result.traffic[one.name]
    shares = next((each for each in result.shares or () if each.name == one.name), None)
    parts = (None,) * 3 if shares is None else (shares.forward, shares.heads, shares.rest)
    return (
        one.name,
        *(DASH if part is None else f"{part:.0%}" for part in parts),
        size(traffic.bytes_per_step),
        DASH if traffic.fraction is None else percent(traffic.fraction, 1),
        DASH if one.peak_bytes is None else size(one.peak_bytes),
    )


def _by_category(result: ChatResult) -> Table:
    """Return speed-ups and accepted tokens; where there is nothing to compare, tokens a second."""
    baseline, *others = result.summaries
    rows = []
    for category, summaries in result.by_category.items():
        first, *rest = summaries
        cells = [f"{number(one.speedup, 2, '×')}  {number(one.accepted_per_step)}" for one in rest]
        speed = number(first.tokens_per_second, 0)
        rows.append((f"{category} ({first.prompts})", speed, *cells))
    columns = ("category", f"{baseline.name} tok/s", *(one.name for one in others))
    return Table("By category: speed-up and accepted/step", columns, tuple(rows))


def _figures(one: Summary) -> dict[str, Any]:
    fields = dataclasses.asdict(one)
    del fields["category"], fields["words"]
    return fields


def _summary_record(result: ChatResult, one: Summary) -> dict[str, Any]:
    return {
        **_figures(one),
        "tree": one.words,
        "is_peer": one.name in result.peers,
        **dataclasses.asdict(result.traffic[one.name]),
    }
