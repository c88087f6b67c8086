"""The best tree tried live: the same prompts by plain decoding, by that tree, and by ``auto``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from medusa_chat.benchmark.cases import Case
from medusa_chat.benchmark.modes import Mode, ModeContestant, parse_mode
from medusa_chat.benchmark.run import measure
from medusa_chat.benchmark.summary import Summary, summarise
from medusa_chat.decoding.presets import PathList
from medusa_chat.engine.local import Engine
from medusa_chat.models.stages import Report
from medusa_chat.settings import DecodeSettings
from medusa_chat.tuning.candidates import SEARCHED
from medusa_chat.tuning.measurement import Outcome

_PROMPTS = 8
_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """The figures of plain decoding, of the best tree and of ``auto``: medians over prompts."""

    plain: Summary
    best: Summary
    auto: Summary

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """All of them."""
        return (self.plain, self.best, self.auto)


def run_trial(
    engine: Engine,
    cases: Sequence[Case],
    decode: DecodeSettings,
    best: Outcome,
    paths: PathList,
    *,
    cancelled: Callable[[], bool],
    report: Report,
) -> Trial | None:
    """Answer some of ``cases`` by all three in turn; None when that was ``cancelled``.

    ``paths`` are those of the searched trees, should ``best`` be one of them.
    """
    with TemporaryDirectory() as folder:
        modes = [
            parse_mode("plain", decode),
            _mode(best, decode, paths, Path(folder)),
            parse_mode("auto", decode),
        ]
        contestants = [ModeContestant(engine, mode) for mode in modes]
        measurement = measure(
            cases[:_PROMPTS],
            contestants,
            repeats=_REPEATS,
            cancelled=cancelled,
            report=lambda words, fraction: report(f"Trying it live: {words}", fraction),
        )
    if measurement.interrupted or not measurement.items:
        return None
    return Trial(*summarise(measurement.items, contestants))


def name_of(best: Outcome) -> str:
    """Return a tree's name, as tables have it."""
    return f"{best.kind}, {best.nodes} nodes"


def _mode(best: Outcome, decode: DecodeSettings, paths: PathList, folder: Path) -> Mode:
    if best.kind != SEARCHED:
        mode = parse_mode(f"dynamic:{best.nodes}+{best.kind}", decode)
        return replace(mode, name=name_of(best))
    file = folder / "searched.json"
    file.write_text(json.dumps(paths), "utf-8")
    return Mode(name_of(best), replace(decode, tree=str(file), tree_size=best.nodes))
