"""Jokes, riddles and tongue twisters: behind each one always comes the same next one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scenes import play

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from .words import Chat

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_JOKES: dict[str, Any] = _DATA["jokes"]
_RIDDLES: dict[str, Any] = _DATA["riddles"]
_TWISTERS: dict[str, Any] = _DATA["twisters"]


def _begun(kind: dict[str, Any]) -> list[str]:
    return [kind["ring"][at] for at in kind["firsts"]]


FIRST_JOKES: list[str] = [joke.replace("|", " ") for joke in _begun(_JOKES)]
"""The jokes that are told first."""
FIRST_RIDDLES: list[str] = [riddle.split("|")[0] for riddle in _begun(_RIDDLES)]
"""The riddles that are asked first."""


def joke(rng: random.Random) -> Chat:
    """Tell one joke or some, which are laughed at or not."""
    told = _round(rng, _JOKES)
    text = next(told).replace("|", " ")
    if rng.random() < 0.1:
        asks = [ask.format(x=rng.choice(_JOKES["subjects"])) for ask in _JOKES["about"]]
        chat = _said(rng, asks, f"{_JOKES['about_lead']} {text}")
    else:
        chat = _said(rng, _JOKES["asks"], text)
    for following in told:
        chance = rng.random()
        asks = _following(rng, _JOKES)
        if chance < 0.3:
            kind = "laugh" if chance < 0.2 else "groan"
            chat += _said(rng, _JOKES[f"{kind}s"], _JOKES[f"{kind}_answers"][0])
            if rng.random() < 0.2:
                return chat + _said(rng, _DATA["no"], _DATA["no_answers"][0])
            asks = _DATA["yes"]
        chat += _said(rng, asks, following.replace("|", " "))
    return chat


def riddle(rng: random.Random) -> Chat:
    """Ask one riddle or some, which are guessed, guessed wrong or given up."""
    chat: Chat = []
    asks: list[str] = _RIDDLES["asks"]
    for drawn in _round(rng, _RIDDLES):
        question, solution, hint = drawn.split("|")
        chat += _said(rng, asks, f"{_RIDDLES['lead']} {question}")
        if rng.random() < 0.12:
            chat += _said(rng, _RIDDLES["hints"], f"{hint} What is it?")
        chance = rng.random()
        if chance < 0.45:
            chat += _said(rng, _RIDDLES["gives_up"], _RIDDLES["solved"].format(x=solution))
        elif chance < 0.75:
            chat += _guessed(rng, solution, _RIDDLES["right"].format(x=solution))
        elif chance < 0.95:
            others = [other.split("|")[1] for other in _RIDDLES["ring"] if other != drawn]
            chat += _guessed(rng, rng.choice(others), _RIDDLES["wrong"].format(x=solution))
        else:
            return chat
        asks = _DATA["yes"] + _following(rng, _RIDDLES)
    if rng.random() < 0.1:
        chat += _said(rng, _DATA["no"], _DATA["no_answers"][0])
    return chat


def twister(rng: random.Random) -> Chat:
    """Say one tongue twister or some."""
    chat: Chat = []
    asks: list[str] = _TWISTERS["asks"]
    for text in _round(rng, _TWISTERS):
        chat += _said(rng, asks, text)
        asks = _following(rng, _TWISTERS)
    return chat


def _round(rng: random.Random, kind: dict[str, Any]) -> Iterator[str]:
    """Begin somewhere in a ring and take one after the other."""
    ring: list[str] = kind["ring"]
    first = rng.choice(kind["firsts"])
    count = min(rng.choices((1, 2, 3, 5), (30, 35, 25, 10))[0], len(ring))
    return iter([ring[(first + at) % len(ring)] for at in range(count)])


def _following(rng: random.Random, kind: dict[str, Any]) -> list[str]:
    """Ask for the next one, or once more as if it were the first."""
    again: list[str] = kind["asks"]
    following: list[str] = _DATA["next"] + kind["next"]
    return again if rng.random() < 0.15 else following


def _guessed(rng: random.Random, guess: str, answer: str) -> Chat:
    words = (guess, guess, guess.split(" ", 1)[1])
    return _said(rng, [ask.format(x=rng.choice(words)) for ask in _RIDDLES["guess"]], answer)


def _said(rng: random.Random, asks: list[str], answer: str) -> Chat:
    return play(rng, [[{"u": asks, "a": [answer]}]], {})
