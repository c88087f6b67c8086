"""What a user tells of itself and asks for later in the same chat, and what was never told."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import facts, program, reckoning
from .scenes import play
from .words import CITIES, NAMES, Chat

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_TALK: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("talk.toml").read_text(encoding="utf-8")
)["slots"]
_LISTS: dict[str, list[str]] = {
    "names": NAMES + _DATA["lists"]["names"],
    "cities": CITIES + _DATA["lists"]["cities"],
    "color": _TALK["color"],
    "job": _TALK["job"],
    "food": _TALK["food"],
    "pets": [f"{name}|{pet}" for name in _TALK["petname"] for pet in _TALK["pet"]],
    "ages": [str(age) for age in range(7, 90)],
    "word": _DATA["lists"]["word"],
    **_DATA["syllables"],
}


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Tell things, talk about the program, facts or sums, and ask for what was told."""

    def subject(rng: random.Random, turns: int) -> Chat:
        (chat,) = rng.choice((program.chats, facts.chats, reckoning.chats))(rng, 1)
        return chat[: 2 * turns]

    for _ in range(count):
        yield remembered(rng, subject)


def remembered(rng: random.Random, subject: Callable[[random.Random, int], Chat]) -> Chat:
    """Tell something or several things, talk about something else, and ask for them again."""
    if rng.random() < 0.2:
        return _at_once(rng)
    chat: Chat = []
    facts = rng.sample(_DATA["fact"], rng.choices((1, 2, 3), (60, 28, 12))[0])
    told: list[tuple[dict[str, Any], str]] = []
    for fact in facts:
        value = _value(rng, fact)
        if rng.random() < 0.85:
            chat += _said(rng, value, fact["tell"], [fact["said"]])
        else:
            chat += _said(rng, value, fact["ask"], [fact["unknown"]])
            answers = [answer + fact["told"] for answer in _DATA["again"]["gave_answers"]]
            chat += _said(rng, value, fact["gives"], answers)
        told.append((fact, value))
    if rng.random() < 0.6:
        chat += subject(rng, rng.choice((1, 2)))
    rng.shuffle(told)
    for fact, value in told:
        chat += _said(rng, value, fact["ask"], [fact["told"]])
    if rng.random() < 0.25:
        chat += _said(rng, "", _DATA["again"]["thanks"], _DATA["again"]["thanks_answers"])
    return chat


def _at_once(rng: random.Random) -> Chat:
    """Tell something and ask for it in the same breath."""
    chat: Chat = []
    for fact in rng.sample(_DATA["fact"], rng.choice((1, 2, 2))):
        value = _value(rng, fact)
        # A question may follow only what ends as a sentence.
        told = [one if one[-1] in ".!)" else f"{one}." for one in fact["tell"]]
        asks = [f"{rng.choice(told)} {ask}" for ask in fact["ask"]]
        chat += _said(rng, value, asks, [fact["told"]])
    return chat


def made_up(rng: random.Random) -> str:
    """Make up a name, so that names are learned to be copied and not to be known."""
    count = rng.choice((2, 2, 3))
    name = "".join(rng.choice(_LISTS["begin"]) + rng.choice(_LISTS["vowel"]) for _ in range(count))
    return (name + rng.choice(_LISTS["end"])).capitalize()


def _value(rng: random.Random, fact: dict[str, Any]) -> str:
    if fact["list"] in ("names", "cities") and rng.random() < 0.35:
        return made_up(rng)
    if fact["list"] == "numbers":
        return str(rng.randrange(2, 10 ** rng.randint(1, 4) + 2))
    return rng.choice(_LISTS[fact["list"]])


def _said(rng: random.Random, value: str, asks: list[str], answers: list[str]) -> Chat:
    return play(rng, [[{"u": asks, "a": answers}]], {"it": [value]})
