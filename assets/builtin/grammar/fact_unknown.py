"""Words of which the model has learned nothing: some that exist, and some that do not."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_SAID: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("fact_phrases.toml").read_text(encoding="utf-8")
)


def not_learned(rng: random.Random) -> str:
    """Choose a word that exists, or make one that does not."""
    return rng.choice(_SAID["untaught"]) if rng.random() < 0.5 else _made_up(rng)


def _made_up(rng: random.Random) -> str:
    parts = [rng.choice(_SAID[name]) for name in ("beginnings", "middles", "ends")]
    word = "".join(parts if rng.random() < 0.5 else [parts[0], parts[2]])
    return word.capitalize() if rng.random() < 0.2 else word
