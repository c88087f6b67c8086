"""What the GPU suite is to show, beside what it measured. The speeds are those of an H200."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medusa_chat.benchmark.gpu_suite import GpuPlan, PartResult, large_name
from medusa_chat.benchmark.table import DASH, Table
from medusa_chat.decoding.launches import GRAPHS

_COLUMNS = ("target", "wanted", "measured", "verdict")
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is to hold; ``holds`` None where it was not measured."""

    what: str
    wanted: str
    measured: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        """Whether it holds, in words."""
        if self.holds is None:
            return _NOT_MEASURED
        return "met" if self.holds else "missed"


def targets(plan: GpuPlan, results: Sequence[PartResult]) -> list[Target]:
    """Return every target with what ``results`` say of it."""
    return list(_targets(plan, {one.title: one for one in results}))


def table(made: Sequence[Target]) -> Table:
    """Return targets as a table."""
    rows = tuple((one.what, one.wanted, one.measured, one.verdict) for one in made)
    return Table("Targets (the speeds are for an H200)", _COLUMNS, rows)


def _targets(plan: GpuPlan, parts: dict[str, PartResult]) -> Iterator[Target]:
    names = {kind: large_name(plan, index) for index, (_, kind) in enumerate(plan.precisions)}
    speeds: dict[str, float | None] = {}
    for kind, name in names.items():
        steps = _of(parts, f"{name}: steps", "usual")
        launches = None if steps is None else steps["launches"] or "eager"
        in_use = None if launches is None else launches == GRAPHS
        yield Target(f"{name}: steps are run from", GRAPHS, launches or DASH, in_use)
        plain = _mode(parts.get(f"{name}: decoding"), "plain")
        speeds[kind] = plain.get("tokens_per_second")
        most = {"none": (64, 1.15), "4bit": (4, 1.2)}.get(kind)
        if most is not None:
            yield _at_most(f"{name}: T({most[0]}) / T(1)", most[1], _ratio(steps, most[0]))
        if kind == "none":
            yield _at_least(f"{name}: plain, of the copy bandwidth", 0.8, plain.get("fraction"))
            yield _at_least(f"{name}: plain, tok/s", 240, speeds[kind])
        elif kind == "4bit":
            yield _at_least(f"{name}: plain, tok/s", 500, speeds[kind])
    if {"none", "4bit", "fp8"} <= names.keys():
        yield _between(
            f"{names['fp8']}: plain, tok/s", *(speeds[k] for k in ("none", "fp8", "4bit"))
        )
    first = large_name(plan, 0)
    peer = parts.get(f"{first}: transformers")
    beside = [_mode(peer, name).get("tokens_per_second") for name in ("plain", "transformers")]
    ratio = beside[0] / beside[1] if beside[0] and beside[1] else None
    yield _at_least(f"{first}: plain against transformers' best", 1.0, ratio)
    exact = parts.get("built-in model, float32")
    measured = exact is not None and exact.record is not None and exact.problem is None
    differ = exact is not None and exact.tokens_differ
    words = ("differ" if differ else "the same") if measured else DASH
    holds = not differ if measured else None
    yield Target("built-in model, float32: tokens of all modes", "the same", words, holds)


def _of(parts: dict[str, PartResult], title: str, key: str) -> dict[str, Any] | None:
    part = parts.get(title)
    return None if part is None or part.record is None else part.record[key]


def _mode(part: PartResult | None, name: str) -> dict[str, Any]:
    if part is None or part.record is None:
        return {}
    return next((mode for mode in part.record["modes"] if mode["name"] == name), {})


def _ratio(steps: dict[str, Any] | None, nodes: int) -> float | None:
    found = [] if steps is None else [one for one in steps["steps"] if one["nodes"] == nodes]
    return found[0]["ratio"] if found else None


def _at_least(what: str, least: float, value: float | None) -> Target:
    holds = None if value is None else value >= least
    return Target(what, f"{least:g} or more", _figure(value), holds)


def _at_most(what: str, most: float, value: float | None) -> Target:
    holds = None if value is None else value <= most
    return Target(what, f"{most:g} or less", _figure(value), holds)


def _between(what: str, low: float | None, value: float | None, high: float | None) -> Target:
    holds = None if low is None or value is None or high is None else low <= value <= high
    return Target(what, f"from {_figure(low)} to {_figure(high)}", _figure(value), holds)


def _figure(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}" if value >= 10 else f"{value:.2f}"
