"""Two questions about the program in one message, each with its short answer."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scenes import varied
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_SIDES: dict[str, dict[str, Any]] = _DATA["side"]
_PAIRS: list[list[str]] = _DATA["pairs"]
_ALONE = [name for name, side in _SIDES.items() if not side.get("behind")]
"""The questions that need no other one before them."""
_ANY = [name for name in _ALONE if not _SIDES[name].get("close")]
"""Those that may stand beside any other."""


def two_parts(rng: random.Random) -> Chat:
    """Ask for two things that belong together, or now and then for any two."""
    first, second = rng.choice(_PAIRS) if rng.random() < 0.8 else rng.sample(_ANY, 2)
    if second in _ALONE and rng.random() < 0.2:
        first, second = second, first
    one, other = _SIDES[first], _SIDES[second]
    answers = list(dict.fromkeys((one["a"], other["a"])))
    wish = "said" in other and rng.random() < 0.5
    clause = varied(rng, rng.choice(one["u"]))
    behind = varied(rng, rng.choice(other["said" if wish else "u"]))
    asked = _framed(rng.choice(_DATA["wishes" if wish else "frames"]), clause, behind)
    if rng.random() < 0.5:
        asked = asked[:1].upper() + asked[1:]
    if rng.random() < 0.5:
        asked = asked.replace(" i ", " I ")
    return [user(typed(rng, asked)), assistant(" ".join(answers))]


def _framed(frame: str, one: str, other: str) -> str:
    for name, clause in (("a", one), ("b", other)):
        frame = frame.replace(f"{{{name}}}", clause)
        frame = frame.replace(f"{{{name.upper()}}}", clause[:1].upper() + clause[1:])
    return frame
