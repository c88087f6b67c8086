"""Words that are often taken for each other, and how each of them is used."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .scenes import varied
from .words import Chat, assistant, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def usage(rng: random.Random) -> Chat:
    """Ask what the difference between two words is, in either order."""
    *pair, answer = rng.choice(_DATA["words"]).split("|")
    if rng.random() < 0.4:
        pair.reverse()
    if rng.random() < 0.2:
        pair = [f'"{word}"' for word in pair]
    asked = varied(rng, rng.choice(_DATA["asks"])).format(a=pair[0], b=pair[1])
    return [user(asked), assistant(answer)]
