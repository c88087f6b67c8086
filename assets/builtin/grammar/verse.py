"""Short poems of four lines, about a thing that the user names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scenes import play

if TYPE_CHECKING:
    import random

    from .words import Chat

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def poem(rng: random.Random) -> Chat:
    """Ask for a poem, of anything or about a thing, and perhaps for another one."""
    chat = _written(rng, _DATA["plain"] if rng.random() < 0.15 else _DATA["asks"])
    if rng.random() < 0.25:
        chat += _written(rng, _DATA["more"])
    return chat


def _written(rng: random.Random, asks: list[str]) -> Chat:
    openings = _DATA["openings"]
    if asks is not _DATA["plain"] and rng.random() < 0.35:
        openings = _DATA["topic_openings"]
        asks = [ask.replace("{a thing}", "{topic}") for ask in asks]
    verse = f"{rng.choice(openings)}\n{rng.choice(_DATA['closings'])}"
    chat = play(rng, [[{"u": asks, "a": [verse]}]], _DATA["words"])
    text = chat[1]["content"]
    chat[1]["content"] = text[:1].upper() + text[1:]
    return chat
