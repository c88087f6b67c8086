"""Plans for a weekend, a feast or something to learn: one plan for each, whatever it is for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import CITIES, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("outings.toml").read_text(encoding="utf-8")
)
_WORDS: dict[str, list[str]] = {**_DATA.pop("words"), "city": CITIES}


def outing(rng: random.Random) -> Chat:
    """Ask for a plan."""
    kind = rng.choice(list(_DATA.values()))
    words = {slot: rng.choice(values) for slot, values in _WORDS.items()}
    asked = rng.choice(kind["asks"]).format(**words)
    if "learning to " in asked:
        asked = asked.replace("learning to ", "learning how to ")
    said = typed(rng, asked)
    plan = kind["plan"].strip("\n").format(**words)
    plan = plan.replace("learning to ", "learning how to ")
    return [user(said), assistant(plan)]
