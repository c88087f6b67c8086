"""Trees scored offline: a prompt is decoded once, plainly, and every tree is tried on its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.run import Skipped
from medusa_chat.benchmark.summary import ALL
from medusa_chat.benchmark.table import DASH, Table, number
from medusa_chat.decoding.presets import presets
from medusa_chat.decoding.replay import ReplyLog, log_reply
from medusa_chat.decoding.replay_methods import SIZES, Score, methods_for, score
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.engine.local import Engine
from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings

Key = tuple[str, str, int]
"""Category, method and nodes."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Accepted tokens a step of every method, at every size, by category and over all."""

    name: str
    decode: DecodeSettings
    sizes: tuple[int, ...]
    prompts: dict[str, int]
    """Of each category, and over all."""
    scores: dict[Key, Score]
    skipped: tuple[Skipped, ...]
    interrupted: bool

    @property
    def methods(self) -> list[str]:
        """The methods, in the order in which they were tried."""
        return list(dict.fromkeys(method for _, method, _ in self.scores))


def run_replay(
    engine: Engine,
    name: str,
    cases: Sequence[Case],
    decode: DecodeSettings,
    *,
    sizes: Sequence[int] = SIZES,
    cancelled: Callable[[], bool],
    report: Report,
) -> ReplayResult:
    """Score the trees on the replies to the first turns of ``cases`` by the model called ``name``.

    Raises UsageError when none of the prompts can be answered. After ``cancelled`` the scores are
    those of the methods that were tried on every prompt.
    """
    logs, skipped = _logs(engine, cases, decode, cancelled, report)
    result = ReplayResult(
        name=name,
        decode=decode,
        sizes=tuple(sizes),
        prompts={kind: len(of_kind) for kind, of_kind in logs.items()} | {ALL: _count(logs)},
        scores={},
        skipped=tuple(skipped),
        interrupted=cancelled(),
    )
    if not logs:
        if cancelled():
            return result
        first = f": {skipped[0].reason}" if skipped else "."
        raise UsageError(f"None of the {len(cases)} prompts could be answered{first}")
    methods = methods_for([log for of_kind in logs.values() for log in of_kind])
    scores: dict[Key, Score] = {}
    for index, (method, shape_of) in enumerate(methods.items()):
        tried: dict[Key, Score] = {}
        for kind, of_kind in logs.items():
            report(f"Replaying {method}, {kind}", index / len(methods))
            if cancelled():
                break
            for one in score(of_kind, {method: shape_of}, sizes):
                tried[kind, method, one.nodes] = one
        else:
            scores |= tried | _totals(method, sizes, list(tried.values()))
            continue
        break
    return ReplayResult(
        name, decode, result.sizes, result.prompts, scores, result.skipped, cancelled()
    )


def log_case(engine: Engine, case: Case, decode: DecodeSettings) -> ReplyLog:
    """Answer the first turn of ``case`` plainly, and log what the model and its heads say.

    Raises UsageError or ContextFullError for a prompt that cannot be answered.
    """
    model, ending = engine.model, engine.ending(decode)
    return log_reply(
        model.decoder,
        engine.encode((*case.opening, case.turns[0]), decode),
        heads=model.heads,
        tokens=ending.max_new_tokens,
        sampling=Sampling(
            decode.temperature, decode.top_k, decode.top_p, decode.repetition_penalty
        ),
        seed=decode.seed or 0,
        eos_ids=ending.eos_ids,
        stop=ending.stop,
    )


def tables(result: ReplayResult) -> list[Table]:
    """Return the scores over all prompts by size, and those of each category."""
    how = "greedy"
    if result.decode.temperature > 0:
        how = f"temperature {result.decode.temperature:g}"
    title = (
        f"{result.name}, {how}: accepted/step by nodes, over {result.prompts[ALL]} replies of at "
        f"most {result.decode.max_new_tokens} tokens"
    )
    notes = [f"  {one.id} was not answered: {one.reason}" for one in result.skipped]
    if result.interrupted:
        notes.append("Interrupted: these are the methods that had been tried on all prompts.")
    columns = ("tree", *(str(size) for size in result.sizes))
    rows = tuple(
        (method, *(_cell(result, ALL, method, size) for size in result.sizes))
        for method in result.methods
    )
    shown = [Table(title, columns, rows, tuple(notes))]
    kinds = [kind for kind in result.prompts if kind != ALL]
    if len(kinds) > 1:
        shown += [_by_category(result, kinds, size) for size in result.sizes]
    return shown


def record(result: ReplayResult, command: str) -> dict[str, Any]:
    """Return everything as one JSON object."""
    return {
        "suite": "replay",
        "command": command,
        "model": result.name,
        "settings": asdict(result.decode),
        "prompts": result.prompts,
        "scores": [
            {"category": kind, **asdict(one), "accepted_per_step": one.accepted_per_step}
            for (kind, _, _), one in result.scores.items()
        ],
        "skipped": [asdict(one) for one in result.skipped],
        "interrupted": result.interrupted,
    }


def _logs(
    engine: Engine,
    cases: Sequence[Case],
    decode: DecodeSettings,
    cancelled: Callable[[], bool],
    report: Report,
) -> tuple[dict[str, list[ReplyLog]], list[Skipped]]:
    logs: dict[str, list[ReplyLog]] = {}
    skipped = []
    for index, case in enumerate(cases):
        if cancelled():
            break
        report(f"Answering {case.id}", index / len(cases))
        try:
            log = log_case(engine, case, decode)
        except MedusaChatError as error:
            skipped.append(Skipped(case.id, str(error)))
            continue
        logs.setdefault(case.category, []).append(log)
    return logs, skipped


def _totals(method: str, sizes: Sequence[int], scores: Sequence[Score]) -> dict[Key, Score]:
    totals = {}
    for size in sizes:
        of_size = [one for one in scores if one.nodes == size]
        tokens, steps = sum(one.tokens for one in of_size), sum(one.steps for one in of_size)
        totals[ALL, method, size] = Score(method, size, tokens, steps)
    return totals


def _by_category(result: ReplayResult, kinds: Sequence[str], size: int) -> Table:
    """Return the scores of each category at one size, the presets as the best of them."""
    named = [method for method in result.methods if method in presets()]
    others = [method for method in result.methods if method not in presets()]
    rows = []
    for kind in kinds:
        found = [result.scores.get((kind, method, size)) for method in named]
        best = max((one.accepted_per_step for one in found if one is not None), default=None)
        cells = [_cell(result, kind, method, size) for method in others]
        rows.append((f"{kind} ({result.prompts[kind]})", number(best), *cells))
    return Table(f"By category, {size} nodes", ("category", "best preset", *others), tuple(rows))


def _cell(result: ReplayResult, kind: str, method: str, size: int) -> str:
    one = result.scores.get((kind, method, size))
    return DASH if one is None else number(one.accepted_per_step)


def _count(logs: dict[str, list[ReplyLog]]) -> int:
    return sum(map(len, logs.values()))
