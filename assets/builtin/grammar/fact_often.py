"""Draws facts so that what most people ask for comes several times as often as the rest."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

_OFTEN: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_TIMES_AS_OFTEN = 8


def drawn(rng: random.Random, table: str, rows: Iterable[str]) -> str:
    """Choose a row of a table; it is known by the first of its names."""
    names, often = list(rows), _OFTEN.get(table, [])
    weights = [_TIMES_AS_OFTEN if name.split(" | ")[0] in often else 1 for name in names]
    return rng.choices(names, weights)[0]


def is_often(table: str, row: str) -> bool:
    """Tell whether most people ask for a row."""
    return row in _OFTEN.get(table, [])
