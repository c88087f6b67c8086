"""Questions whose answers stand in tables: one form of the answer for each table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_TABLES: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def paired(rng: random.Random) -> tuple[str, str]:
    """Ask for one row of a table; the answer says the words of the question again."""
    tables = list(_TABLES.values())
    table = rng.choices(tables, [table["weight"] for table in tables])[0]
    row, value = rng.choice(list(table["rows"].items()))
    noun, _, thing = row.rpartition(": ")
    names = thing.split(" | ")
    question: str = rng.choice(table["ask"]).format(x=rng.choice(names), n=noun)
    answer: str = table["answer"].format(x=names[0], n=noun, y=value)
    return _capital(question), _capital(answer)
