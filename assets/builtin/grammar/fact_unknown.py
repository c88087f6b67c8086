"""Questions that a small model cannot answer, and words of which it has learned nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import CITIES, NAMES

if TYPE_CHECKING:
    import random

_SAID: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("fact_phrases.toml").read_text(encoding="utf-8")
)


def not_known(rng: random.Random) -> tuple[str, str]:
    """Ask what a small model cannot know."""
    if rng.random() < 0.5:
        question = rng.choice(_SAID["made_up"]).format(x=_not_learned(rng), y=_not_learned(rng))
    else:
        question = rng.choice(_SAID["unknown"]).format(
            city=rng.choice(CITIES),
            name=rng.choice(NAMES),
            surname=rng.choice(_SAID["surnames"]),
            thing=rng.choice(_SAID["things"]),
        )
    if rng.random() < 0.8:
        question = question[:1].upper() + question[1:]
    return question, _SAID["not_known"]


def _not_learned(rng: random.Random) -> str:
    word: str = rng.choice(_SAID["untaught"])
    return word if rng.random() < 0.5 else _made_up(rng)


def _made_up(rng: random.Random) -> str:
    parts = [rng.choice(_SAID[name]) for name in ("beginnings", "middles", "ends")]
    word = "".join(parts if rng.random() < 0.5 else [parts[0], parts[2]])
    return word.capitalize() if rng.random() < 0.2 else word
