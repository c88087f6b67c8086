"""Is it still the same model? Perplexity of a text, and answers plain and by Medusa side by side.

What a base that was trained with its heads has lost shows in both, beside the base as it was.
Whether an answer is a good one nobody judges here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medusa_chat.benchmark.answer_file import (
    QuestionAnswer,
    TurnAnswer,
    model_id,
    write_answers,
)
from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.contestant import Contestant
from medusa_chat.benchmark.machine import Machine, describe
from medusa_chat.benchmark.modes import Mode, contestants_of
from medusa_chat.benchmark.perplexity import Perplexity, perplexity
from medusa_chat.benchmark.run import Skipped, rotated
from medusa_chat.benchmark.table import DASH, Table, number
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings


@dataclass(frozen=True, slots=True)
class ModeQuality:
    """The answers of one mode, and what they have in common with the first mode's."""

    name: str
    is_exact: bool
    answers: tuple[QuestionAnswer, ...]
    identical: int
    """Answers whose tokens are all the first mode's."""
    first_difference: str | None = None
    """The turn whose answer is the first to differ."""

    @property
    def turns(self) -> list[TurnAnswer]:
        """All answers, one after the other."""
        return [turn for answer in self.answers for turn in answer.turns]

    @property
    def accepted_per_step(self) -> float | None:
        """Tokens a step, over all of them."""
        steps = sum(turn.sample.figures.steps for turn in self.turns)
        return sum(len(turn.sample.tokens) for turn in self.turns) / steps if steps else None

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens a second of all time, prompts included, as MT-bench's figures have it."""
        seconds = sum(turn.wall_seconds for turn in self.turns)
        return sum(len(turn.sample.tokens) for turn in self.turns) / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """What was found out about one model."""

    name: str
    dtype: str
    quantization: str
    machine: Machine
    perplexity: Perplexity | None
    """None when it was interrupted."""
    modes: tuple[ModeQuality, ...]
    skipped: tuple[Skipped, ...]
    interrupted: bool

    @property
    def broken(self) -> tuple[ModeQuality, ...]:
        """Modes whose tokens have to be the first one's, in 32 bits, and are not."""
        if self.dtype != "float32" or self.quantization != "none":
            return ()
        return tuple(
            one
            for one in self.modes
            if one.is_exact and self.modes[0].is_exact and one.identical < len(one.turns)
        )


def measure_quality(
    engine: Engine,
    name: str,
    cases: Sequence[Case],
    modes: Sequence[Mode],
    text: str,
    *,
    cancelled: Callable[[], bool],
    report: Report,
) -> ModelQuality:
    """Measure the model that ``engine`` holds, called ``name``.

    The modes answer each question in turn, each going on with its own answers. Raises UsageError
    for a text that holds nothing, or a mode's tree that does not fit the model.
    """
    contestants = contestants_of(engine, modes)
    machine = describe(engine.model.decoder.forward.device)
    report("Measuring the perplexity", None)
    engine.forget()
    measured = perplexity(
        engine.model.decoder.forward,
        engine.model.format.encode_raw(text),
        len(text.encode()),
        cancelled=cancelled,
        report=lambda fraction: report("Measuring the perplexity", fraction),
    )
    engine.forget()
    report("Measuring trees", None)
    for _ in engine.measure():
        if cancelled():
            break
    answers: dict[str, list[QuestionAnswer]] = {one.name: [] for one in contestants}
    skipped: list[Skipped] = []
    if cases and contestants and not cancelled():
        report("Warming up", None)
        _warm_up(cases[0], contestants, cancelled)
    for at, case in enumerate(cases):
        report(f"Answering {case.id}", at / len(cases))
        found: dict[str, QuestionAnswer] = {}
        try:
            for contestant in rotated(contestants, at):
                found[contestant.name] = _answered(contestant, case, cancelled)
        except _CancelledError:
            break
        except MedusaChatError as error:
            skipped.append(Skipped(case.id, str(error)))
            continue
        for mode_name, answer in found.items():
            answers[mode_name].append(answer)
    engine.keep_times()
    reference = answers[contestants[0].name] if contestants else []
    return ModelQuality(
        name=name,
        dtype=engine.model.dtype,
        quantization=engine.model.settings.quantization,
        machine=machine,
        perplexity=measured,
        modes=tuple(
            _compared(contestant, answers[contestant.name], reference) for contestant in contestants
        ),
        skipped=tuple(skipped),
        interrupted=cancelled(),
    )


def identical_answers(
    answers: Sequence[QuestionAnswer], reference: Sequence[QuestionAnswer]
) -> tuple[int, str | None]:
    """Return how many answers have the same tokens, and which turn is the first that has not."""
    expected = {one.question_id: one.turns for one in reference}
    identical, first = 0, None
    for one in answers:
        for at, (turn, other) in enumerate(
            zip(one.turns, expected.get(one.question_id, ()), strict=False)
        ):
            if turn.sample.tokens == other.sample.tokens:
                identical += 1
            else:
                first = first or f"{one.question_id}, turn {at + 1}"
    return identical, first


def save_answers(folder: Path, result: ModelQuality) -> list[Path]:
    """Write a file of answers for each mode. Raises MedusaChatError."""
    return [
        write_answers(folder, model_id(result.name, mode.name), mode.answers)
        for mode in result.modes
        if mode.answers
    ]


def tables(
    result: ModelQuality, against: ModelQuality | None, decode: DecodeSettings
) -> list[Table]:
    """Return the figures of a model, and of one to compare it with."""
    models = [result] if against is None else [result, against]
    how = "greedy" if decode.temperature == 0 else f"temperature {decode.temperature:g}"
    measured = result.perplexity
    over = ""
    if measured is not None:
        over = (
            f": {measured.tokens:,} tokens, windows of {measured.window_tokens:,}, "
            f"{measured.stride_tokens:,} apart"
        )
    notes = _comparison(result, against) if against is not None else []
    return [
        Table(
            f"Perplexity of a text{over}",
            ("model", "perplexity", "bits/byte"),
            tuple(_perplexity_row(one) for one in models),
            tuple(notes),
        ),
        *(_answers_table(one, how, decode) for one in models),
    ]


def record(
    result: ModelQuality, against: ModelQuality | None, decode: DecodeSettings, command: str
) -> dict[str, Any]:
    """Return everything but the answers as one JSON object."""
    whole = {
        "suite": "quality",
        "command": command,
        "machine": asdict(result.machine),
        "settings": asdict(decode),
        **_record(result),
        "against": None,
        "perplexity_ratio": None,
    }
    if against is not None:
        identical, _ = _identical_plain(result, against)
        whole["against"] = _record(against) | {"identical_plain_answers": identical}
        whole["perplexity_ratio"] = perplexity_ratio(result, against)
    return whole


def perplexity_ratio(result: ModelQuality, against: ModelQuality) -> float | None:
    """Return the first one's perplexity in the other's; None where they have other tokens."""
    one, other = result.perplexity, against.perplexity
    if one is None or other is None or one.token_ids != other.token_ids:
        return None
    return one.value / other.value


class _CancelledError(Exception):
    """Ctrl+C came while a question was answered: it counts for no mode."""


def _answered(contestant: Contestant, case: Case, cancelled: Callable[[], bool]) -> QuestionAnswer:
    """Return the answers to all turns of ``case``, each behind the ones before."""
    messages = case.opening
    turns = []
    for turn in case.turns:
        messages = (*messages, turn)
        begun = time.perf_counter()
        sample = contestant.answer(messages, cancelled)
        seconds = time.perf_counter() - begun
        if cancelled():
            raise _CancelledError
        turns.append(TurnAnswer(sample, seconds))
        messages = (*messages, ChatMessage("assistant", sample.text))
    return QuestionAnswer(case.id, case.category, tuple(turns))


def _warm_up(case: Case, contestants: Sequence[Contestant], cancelled: Callable[[], bool]) -> None:
    try:
        for contestant in contestants:
            contestant.answer((*case.opening, case.turns[0]), cancelled)
    except MedusaChatError:
        return  # it is told when its turn comes


def _compared(
    contestant: Contestant,
    answers: Sequence[QuestionAnswer],
    reference: Sequence[QuestionAnswer],
) -> ModeQuality:
    identical, first = identical_answers(answers, reference)
    return ModeQuality(contestant.name, contestant.is_exact, tuple(answers), identical, first)


def _perplexity_row(result: ModelQuality) -> tuple[str, str, str]:
    measured = result.perplexity
    if measured is None:
        return result.name, DASH, DASH
    return result.name, number(measured.value, 3), number(measured.bits_per_byte, 4)


def _answers_table(result: ModelQuality, how: str, decode: DecodeSettings) -> Table:
    rows = tuple(
        (
            mode.name,
            str(len(mode.turns)),
            DASH if not mode.turns else f"{mode.identical} of {len(mode.turns)}",
            number(mode.accepted_per_step),
            number(mode.tokens_per_second, 0),
        )
        for mode in result.modes
    )
    notes = [
        f"  {mode.name}: the first answer that differs is {mode.first_difference}."
        for mode in result.modes
        if mode.first_difference is not None
    ]
    notes += [f"  {one.id} was not answered: {one.reason}" for one in result.skipped]
    if result.interrupted:
        notes.append("Interrupted: this is what had been measured until then.")
    first = result.modes[0].name if result.modes else DASH
    return Table(
        f"{result.name} ({result.dtype}), {how}, at most {decode.max_new_tokens} new tokens",
        ("mode", "answers", f"same as {first}", "accepted/step", "tok/s"),
        rows,
        tuple(notes),
    )


def _identical_plain(result: ModelQuality, against: ModelQuality) -> tuple[int, int]:
    """Return how many answers of the first modes are the same, and of how many."""
    if not result.modes or not against.modes:
        return 0, 0
    one, other = result.modes[0], against.modes[0]
    return identical_answers(one.answers, other.answers)[0], min(len(one.turns), len(other.turns))


def _comparison(result: ModelQuality, against: ModelQuality) -> list[str]:
    ratio = perplexity_ratio(result, against)
    one, other = result.perplexity, against.perplexity
    if ratio is not None:
        words = f"{result.name} has {ratio:.4f} times the perplexity of {against.name}."
    elif one is None or other is None:
        words = "The perplexities were not both measured."
    else:
        words = "The two cut the text into other tokens: compare the bits a byte alone."
    identical, of = _identical_plain(result, against)
    return [words, f"Of their {result.modes[0].name} answers {identical} of {of} are the same."]


def _record(result: ModelQuality) -> dict[str, Any]:
    measured = result.perplexity
    return {
        "model": result.name,
        "dtype": result.dtype,
        "quantization": result.quantization,
        "perplexity": None if measured is None else measured.value,
        "bits_per_byte": None if measured is None else measured.bits_per_byte,
        "text_tokens": None if measured is None else measured.tokens,
        "window_tokens": None if measured is None else measured.window_tokens,
        "modes": [
            {
                "name": mode.name,
                "answers": len(mode.turns),
                "identical": mode.identical,
                "first_difference": mode.first_difference,
                "accepted_per_step": mode.accepted_per_step,
                "tokens_per_second": mode.tokens_per_second,
            }
            for mode in result.modes
        ],
        "skipped": [asdict(one) for one in result.skipped],
        "interrupted": result.interrupted,
    }
