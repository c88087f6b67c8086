"""Schemes of stories in which one finds a thing, or two do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_ELSEWHERE = 0.3


def find_plot(rng: random.Random, two: bool = False) -> dict[str, Any]:
    """Draw a thing and its scheme; it lies where it usually does, or where the user says."""
    find = rng.choice(_DATA["finds"])
    clauses = _DATA["clauses_two" if two else "clauses_one"]
    plot = {
        **find,
        "words": "find",
        "x": f"{rng.choice(find['names'])}|{find['place']}",
        "clauses": clauses,
        "topics": ["{a x}", "{a x}", "finding {a x}"],
        "state": "found {a x} {doing}",
    }
    if rng.random() < _ELSEWHERE:
        plot["x"] = f"{plot['x'].partition('|')[0]}|{rng.choice(_DATA['places'])}"
        plot["clauses"] = [f"{one} {{doing}}" for one in clauses]
        plot["topics"] = ["{a x} {doing}", "finding {a x} {doing}"]
    return plot
