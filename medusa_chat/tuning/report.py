"""What tuning has found, as tables for a person and as one object for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medusa_chat.benchmark.forward_choice import forward_record, model_words
from medusa_chat.benchmark.machine import Machine
from medusa_chat.benchmark.run import Skipped
from medusa_chat.benchmark.summary import Summary
from medusa_chat.benchmark.table import DASH, Table, milliseconds, number
from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.presets import PathList
from medusa_chat.models.loader import LoadedModel
from medusa_chat.settings import DecodeSettings
from medusa_chat.tuning.candidates import SEARCHED
from medusa_chat.tuning.measurement import Outcome, Outcomes
from medusa_chat.tuning.trial import Trial, name_of

_RANKS = 8
_WORDS = {
    SEARCHED: "the searched tree",
    "heads": "grown from the heads",
    "bigram": "grown from heads and bigram table",
    "all": "grown from all sources",
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """All that was found for one way of decoding. ``trial`` None was not run to its end."""

    name: str
    """The model's, for people."""
    model: LoadedModel
    machine: Machine
    decode: DecodeSettings
    prompts: int
    skipped: tuple[Skipped, ...]
    accuracies: Sequence[Sequence[float]]
    outcomes: Outcomes
    paths: PathList
    auto: str
    """What ``auto`` does with it, in words."""
    begins_searched: bool
    """Whether that begins with a searched tree."""
    trial: Trial | None = None


def how(decode: DecodeSettings) -> str:
    """Return in words how tokens are chosen."""
    return "greedy" if decode.temperature == 0 else f"temperature {decode.temperature:g}"


def tables(tuned: Tuned) -> list[Table]:
    """Return the accuracies of the heads and what every tree brings."""
    shown = []
    if tuned.accuracies:
        ranks = min(_RANKS, len(tuned.accuracies[0]))
        shown.append(
            Table(
                f"{tuned.name}, {how(tuned.decode)}: how often each guess of a head was right",
                ("head", *(f"rank {rank + 1}" for rank in range(ranks))),
                tuple(
                    (str(head), *(f"{one:.1%}" for one in of_head[:ranks]))
                    for head, of_head in enumerate(tuned.accuracies, start=1)
                ),
            )
        )
    outcomes = tuned.outcomes
    plain = ("1", "plain", number(1.0), milliseconds(outcomes.plain_seconds), number(1.0))
    rows: list[tuple[str, ...]] = [
        (*plain, number(1 / outcomes.plain_seconds, 0), number(1.0, 2, "×"))
    ]
    sizes = sorted({one.nodes for one in outcomes.trees})
    for size in sizes:
        rows += [_row(outcomes, one) for one in outcomes.trees if one.nodes == size]
    notes = [f"  {one.id} was not answered: {one.reason}" for one in tuned.skipped]
    best = outcomes.best
    if tuned.model.decoder.forward.device.type == "cpu":
        notes.append("What other programs took of the processor is not in these times.")
    notes.append(
        f"The best tree: {_WORDS[best.kind]}, {best.nodes} nodes, expected at "
        f"{outcomes.speedup(best):.2f}× plain decoding."
    )
    if outcomes.speedup(best) <= 1:
        notes.append("No tree pays on this text: plain decoding is the fastest.")
    title = (
        f"{tuned.name} ({model_words(tuned.model)}), {how(tuned.decode)}: what trees bring, on "
        f"{tuned.prompts} replies of at most {tuned.decode.max_new_tokens} tokens"
    )
    columns = ("nodes", "tree", "accepted/step", "ms/step", "T(n)/T(1)", "tok/s", "speed-up")
    return [*shown, Table(title, columns, tuple(rows), tuple(notes))]


def drawing_title(outcomes: Outcomes, *, begins_searched: bool) -> str:
    """Return what is said above the drawing of the searched trees."""
    fastest = max(outcomes.kind(SEARCHED), key=lambda one: one.tokens_per_second).nodes
    said = f"The best searched trees: that of n nodes ends at size n; the fastest has {fastest}."
    return said if begins_searched else f"{said} --tree auto begins with none of them."


def trial_table(tuned: Tuned) -> Table:
    """Return what was expected beside what was measured, and what ``auto`` will do."""
    trial, outcomes = tuned.trial, tuned.outcomes
    if trial is None:
        return Table("No live trial", (), (), (tuned.auto,))
    best = outcomes.best
    rows = (
        _trial_row("plain", 1.0, 1.0, trial.plain),
        _trial_row(name_of(best), best.accepted_per_step, outcomes.speedup(best), trial.best),
        _trial_row("auto", None, None, trial.auto),
    )
    columns = ("tree", "expected acc./step", "measured", "expected speed-up", "measured", "tok/s")
    title = f"Live, {trial.plain.prompts} prompts in turn, medians"
    return Table(title, columns, rows, (tuned.auto,))


def auto_words(tree: AutomaticTree, grown: str, outcomes: Outcomes) -> str:
    """Return what ``auto`` will do with what is known now."""
    size = tree.next_shape().size
    kinds = "searched trees and trees" if tree.searched is not None else "trees"
    choice = f"{kinds} {_WORDS[grown]} of up to {tree.size} nodes"
    begins = "plainly"
    if size > 1:
        kind = SEARCHED if tree.next_is_searched else grown
        begins = f"with {size} nodes, {_WORDS[kind]}"
        expected = outcomes.of(kind, size)
        if expected is not None:
            begins += f" ({outcomes.speedup(expected):.2f}× expected)"
    return f"Kept. --tree auto now begins {begins}, and goes on by what is accepted: {choice}."


def record(tuned: Tuned, command: str) -> dict[str, Any]:
    """Return everything as one JSON object. Times are seconds."""
    outcomes, trial = tuned.outcomes, tuned.trial
    best = outcomes.best
    return {
        "command": command,
        "model": tuned.name,
        "base_model": tuned.model.base_name,
        "dtype": tuned.model.dtype,
        "quantization": tuned.model.settings.quantization,
        "device": tuned.model.device,
        **forward_record(tuned.model, tuned.decode.repetition_penalty),
        "heads": tuned.model.heads,
        "settings": asdict(tuned.decode),
        "machine": asdict(tuned.machine),
        "prompts": tuned.prompts,
        "skipped": [asdict(one) for one in tuned.skipped],
        "head_accuracies": [list(of_head) for of_head in tuned.accuracies],
        "plain_seconds": outcomes.plain_seconds,
        "trees": [_outcome_record(outcomes, one) for one in outcomes.trees],
        "searched_paths": tuned.paths,
        "best": _outcome_record(outcomes, best),
        "trial": None
        if trial is None
        else {
            "plain": asdict(trial.plain),
            "best": asdict(trial.best),
            "auto": asdict(trial.auto),
        },
        "auto": tuned.auto,
    }


def _row(outcomes: Outcomes, one: Outcome) -> tuple[str, ...]:
    return (
        str(one.nodes),
        one.kind,
        number(one.accepted_per_step),
        milliseconds(one.seconds),
        number(outcomes.step_ratio(one)),
        number(one.tokens_per_second, 0),
        number(outcomes.speedup(one), 2, "×"),
    )


def _trial_row(
    name: str, accepted: float | None, speedup: float | None, measured: Summary
) -> tuple[str, ...]:
    return (
        name,
        number(accepted),
        number(measured.accepted_per_step),
        DASH if speedup is None else number(speedup, 2, "×"),
        number(measured.speedup, 2, "×"),
        number(measured.tokens_per_second, 0),
    )


def _outcome_record(outcomes: Outcomes, one: Outcome) -> dict[str, Any]:
    return {
        **asdict(one),
        "tokens_per_second": one.tokens_per_second,
        "step_ratio": outcomes.step_ratio(one),
        "speedup": outcomes.speedup(one),
    }
