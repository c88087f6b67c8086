"""Chats about how one does a small thing in a language."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("howtos.toml").read_text(encoding="utf-8")
)
_LANGUAGES: dict[str, str] = _DATA["languages"]
_ALL = [(name, thing) for name in _LANGUAGES for thing in _DATA[name]]
_WEIGHTS = [len(thing["x"]) * thing.get("often", 1) for _, thing in _ALL]
_THEN: dict[str, list[str]] = _DATA["then"]
# What one does with a tool, and not in a language.
_WITH = ("git", "regex")
# How remarks begin that do not explain the code.
_ADVICE = ("Use ", "Write ", "Put ", "Bring ", "Run ", "For ")
_PAIRED = {"python": "javascript", "javascript": "python"}


def chat(rng: random.Random) -> Chat:
    """Ask how one does something, and perhaps something else or the same in another language."""
    name, thing = rng.choices(_ALL, _WEIGHTS)[0]
    asked = rng.choice(_DATA["own"].get(name, _DATA["asks"]))
    turns = _turn(rng, asked, name, thing)
    chance = rng.random()
    if chance < 0.2:
        other = rng.choice([one for one in _DATA[name] if one != thing])
        turns += _turn(rng, rng.choice(_THEN["more"]), name, other)
    elif chance < 0.45:
        twin = _twin(name, thing)
        if twin is not None:
            turns += _turn(rng, rng.choice(_THEN["too"]), _PAIRED[name], twin)
    elif chance < 0.52 and not thing["after"].startswith(_ADVICE):
        turns += [user(typed(rng, rng.choice(_THEN["why"]))), assistant(thing["after"])]
    return turns


def _twin(name: str, thing: dict[str, Any]) -> dict[str, Any] | None:
    """Find what does the same in the language with which this one is paired."""
    for other in _DATA[_PAIRED[name]] if name in _PAIRED else []:
        if set(other["x"]) & set(thing["x"]):
            found: dict[str, Any] = other
            return found
    return None


def _turn(rng: random.Random, asked: str, name: str, thing: dict[str, Any]) -> Chat:
    said = asked.format(x=rng.choice(thing["x"]), l=rng.choice(_DATA["called"][name]))
    if rng.random() < 0.6:
        said = said[:1].upper() + said[1:]
    how = f"{'with' if name in _WITH else 'in'} {_LANGUAGES[name]}"
    fence = "text" if name == "regex" else "sh" if name == "git" else name
    code = f"```{fence}\n{thing['code']}\n```"
    answer = f"This is how to {thing['x'][0]} {how}:\n\n{code}\n\n{thing['after']}"
    return [user(typed(rng, said)), assistant(answer)]
