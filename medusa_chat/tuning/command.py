"""``medusa-chat tune``: loads, measures, keeps, prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_chat import thread_waiting
from medusa_chat.benchmark.command import publish
from medusa_chat.benchmark.table import show
from medusa_chat.errors import INTERRUPTED, MedusaChatError, UsageError
from medusa_chat.run.command import Interrupt
from medusa_chat.run.loading import engine_with
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.status_line import StatusLine, tell
from medusa_chat.tuning.settings import TuneSettings

if TYPE_CHECKING:
    from medusa_chat.benchmark.cases import Case
    from medusa_chat.engine.local import Engine
    from medusa_chat.tuning.report import Tuned

_RANKS = 10
"""Guesses of a head that a search may use."""


def run(
    tune: TuneSettings,
    model: ModelSettings,
    decode: DecodeSettings,
    temperatures: Sequence[float],
) -> int:
    """Tune for replies as ``decode`` says, at each of ``temperatures``; return the exit status.

    It is 130 after Ctrl+C. Raises MedusaChatError for what cannot be tuned, or not be kept.
    """
    # Spinning threads on a busy machine turn a step of 12 ms into half a second.
    thread_waiting.settle()
    from medusa_chat.benchmark.cases import read_cases
    from medusa_chat.tuning.replies import of_all_kinds

    cases = of_all_kinds(read_cases(tune.prompts), tune.most_prompts)
    engine = _loaded(model, decode)
    interrupt = Interrupt()
    interrupt.listen()
    for temperature in temperatures:
        if not _tune(engine, cases, tune, replace(decode, temperature=temperature), interrupt):
            return INTERRUPTED
    return 0


def _tune(
    engine: Engine,
    cases: Sequence[Case],
    tune: TuneSettings,
    decode: DecodeSettings,
    interrupt: Interrupt,
) -> bool:
    """Tune at one temperature; return whether it was run to its end."""
    from medusa_chat.benchmark.machine import command_line
    from medusa_chat.tuning import report
    from medusa_chat.tuning.drawing import draw
    from medusa_chat.tuning.trial import run_trial

    def cancelled() -> bool:
        return interrupt.requested

    with StatusLine() as line:
        tuned = _measured(engine, cases, tune, decode, cancelled, line)
        if tuned is None:
            line.clear()
            tell(f"Interrupted: nothing was kept for {report.how(decode)} replies.")
            return False
        stream = sys.stderr if tune.as_json else sys.stdout
        line.clear()
        # At once: the trial may take minutes.
        show(report.tables(tuned), stream)
        if tuned.paths:
            title = report.drawing_title(tuned.outcomes, begins_searched=tuned.begins_searched)
            stream.write(title + "\n")
            draw(tuned.paths, tuned.accuracies, stream)
        trial = run_trial(
            engine,
            cases,
            decode,
            tuned.outcomes.best,
            tuned.paths,
            cancelled=cancelled,
            report=line.show,
        )
    tuned = replace(tuned, trial=trial)
    publish([report.trial_table(tuned)], report.record(tuned, command_line()), as_json=tune.as_json)
    if interrupt.requested:
        tell("Interrupted: what was found is kept, but was not tried live.")
    return not interrupt.requested


def _measured(
    engine: Engine,
    cases: Sequence[Case],
    tune: TuneSettings,
    decode: DecodeSettings,
    cancelled: Callable[[], bool],
    line: StatusLine,
) -> Tuned | None:
    """Measure everything and keep it; None when that was ``cancelled``, and nothing is kept."""
    from medusa_chat.benchmark.machine import describe
    from medusa_chat.decoding.automatic_tree import AutomaticTree
    from medusa_chat.decoding.replay import head_accuracies
    from medusa_chat.tuning import report
    from medusa_chat.tuning.candidates import candidates_for
    from medusa_chat.tuning.findings import experience_of
    from medusa_chat.tuning.measurement import measure
    from medusa_chat.tuning.replies import log_replies

    model = engine.model
    machine = describe(model.decoder.forward.device)
    replies = log_replies(engine, cases, decode, cancelled=cancelled, report=line.show)
    if cancelled():
        return None
    if not replies.logs:
        first = f": {replies.skipped[0].reason}" if replies.skipped else "."
        raise UsageError(f"None of the {len(cases)} prompts could be answered{first}")
    vocabulary = model.decoder.forward.vocabulary
    accuracies = head_accuracies(replies.logs, min(_RANKS, vocabulary)) if model.heads else []
    candidates = candidates_for(model, decode, accuracies)
    outcomes = measure(
        model.decoder,
        replies.logs,
        candidates,
        rounds=tune.rounds,
        learns=decode.draft != "heads",
        cancelled=cancelled,
        report=line.show,
    )
    if outcomes is None:
        return None
    experience = experience_of(outcomes, decode.draft, candidates.paths)
    try:
        engine.learn(decode, experience)
    except OSError as error:
        raise MedusaChatError(
            f"What was measured cannot be kept ({error}): make room or set MEDUSA_CHAT_HOME."
        ) from error
    tree = engine.choose_tree(decode).shape
    assert isinstance(tree, AutomaticTree), "decoding is exact"
    return report.Tuned(
        name=model.settings.model,
        model=model,
        machine=machine,
        decode=decode,
        prompts=len(replies.logs),
        skipped=replies.skipped,
        accuracies=accuracies,
        outcomes=outcomes,
        paths=candidates.paths,
        auto=report.auto_words(tree, decode.draft, outcomes),
        begins_searched=tree.next_is_searched and tree.next_shape().size > 1,
    )


def _loaded(model: ModelSettings, decode: DecodeSettings) -> Engine:
    engine, loaded = engine_with(model)
    if loaded.plain_reason is not None:
        raise UsageError(
            f"There is nothing to tune, since Medusa is off: {loaded.plain_reason}. "
            "Take another model."
        )
    if loaded.heads == 0 and decode.draft == "heads":
        raise UsageError(
            "--draft heads has nothing to guess from, since the model has no Medusa heads: "
            "use --draft all."
        )
    return engine
