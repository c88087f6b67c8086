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
    chance = rng.random()
    chat = _written(rng, _DATA["plain"] if chance < 0.15 else _DATA["asks"])
    if chance > 0.75:
        chat += _written(rng, _DATA["more"])
    return chat


def _written(rng: random.Random, asks: list[str]) -> Chat:
    openings, closings, slot = _DATA["openings"], _DATA["closings"], "thing"
    if asks is not _DATA["plain"] and rng.random() < 0.35:
        openings, slot = _DATA["topic_openings"], "topic"
        asks = [ask.replace("{a thing}", "{topic}") for ask in asks]
    # A subject always has the same poem, and the same other one; any poem is one about the first.
    known = _DATA["words"][slot]
    place = 0 if asks is _DATA["plain"] else rng.randrange(len(known))
    verses = [
        f"{openings[at % len(openings)]}\n{closings[at % len(closings)]}"
        for at in (place, place + 1)
    ]
    # The other one, or half of this one.
    more = [{"u": _DATA["again"], "a": [verses[1]]}] * 3
    more.append({"u": _DATA["shorter"], "a": ["\n".join(verses[0].split("\n")[:2])]})
    turns = [[{"u": asks, "a": [verses[0]]}], more]
    chat = play(rng, turns, {slot: [known[place]]}, most=rng.choice((1, 1, 1, 2)))
    for message in chat[1::2]:
        text = message["content"]
        message["content"] = text[:1].upper() + text[1:]
    return chat
