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


def chat(rng: random.Random) -> Chat:
    """Ask how one does something, and perhaps something else in the same language."""
    name, thing = rng.choice(_ALL)
    turns = _asked(rng, name, thing)
    if rng.random() < 0.25:
        turns += _asked(rng, name, rng.choice([one for one in _DATA[name] if one != thing]))
    return turns


def _asked(rng: random.Random, name: str, thing: dict[str, Any]) -> Chat:
    language = _LANGUAGES[name]
    said = rng.choice(_DATA["asks"]).format(x=rng.choice(thing["x"]), l=language)
    said = typed(rng, said[:1].upper() + said[1:])
    code = f"```{name}\n{thing['code']}\n```"
    answer = f"This is how to {thing['x'][0]} in {language}:\n\n{code}\n\n{thing['after']}"
    return [user(said), assistant(answer)]
