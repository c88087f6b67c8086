"""Chats about the small programs that everybody asks for first, in Python and in JavaScript."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .functions import Function, fenced, go_on, named_function, solution
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("classics.toml").read_text(encoding="utf-8")
)
_PYTHON, _JAVASCRIPT = "Python", "JavaScript"
# Some are asked for much more often than others, and mostly by the first of their wordings.
_OFTEN, _FIRST = 5, 0.4
_FAVOURITES = (
    "reverse_text",
    "fizzbuzz",
    "is_palindrome",
    "factorial",
    "fibonacci",
    "is_prime",
    "largest",
    "sum_of",
    "count_vowels",
    "bubble_sort",
)
_ALL = [
    classic
    for classic in _DATA["classics"]
    for _ in range(_OFTEN if classic["fn"] in _FAVOURITES else 1)
]


def _said(rng: random.Random, text: str) -> str:
    return typed(rng, text[:1].upper() + text[1:] if rng.random() < 0.4 else text)


def _language(rng: random.Random, name: str) -> str:
    spelled: str = rng.choice(_DATA["languages"][name])
    return spelled


def _asked(rng: random.Random, classic: dict[str, Any], language: str, *, plain: bool) -> str:
    key = "name" if rng.random() < 0.4 else "order"
    template: str = rng.choice(_DATA[f"{key}_plain" if plain else key])
    wording = classic[key][0] if rng.random() < _FIRST else rng.choice(classic[key])
    return _said(rng, template.format(x=wording, l=language))


def _both(rng: random.Random, classic: dict[str, Any]) -> str:
    key = "name" if rng.random() < 0.4 else "order"
    template: str = rng.choice(_DATA["both_name" if key == "name" else "both"])
    names = {"l": _language(rng, _PYTHON), "l2": _language(rng, _JAVASCRIPT)}
    return _said(rng, template.format(x=rng.choice(classic[key]), **names))


def _too(rng: random.Random, language: str, before: str) -> str:
    template: str = rng.choice(_DATA["too"])
    return _said(rng, template.format(l=language, l2=before))


def in_javascript(classic: dict[str, Any], function: Function) -> str:
    """Write the answer in JavaScript."""
    code = fenced(classic["js"].strip(), "javascript")
    said = f"Here is a JavaScript function that {function.task['does'][0]}:"
    return f"{said}\n\n{code}\n\n{classic['after']}"


def _answer(classic: dict[str, Any], function: Function, language: str) -> str:
    return solution(function) if language == _PYTHON else in_javascript(classic, function)


def chat(rng: random.Random) -> Chat:
    """Ask for one of the programs, and perhaps for the same in the other language."""
    classic = rng.choice(_ALL)
    function = named_function(classic["fn"])
    other: str = rng.choice(_DATA["other"])
    no_other = _DATA["no_other"].format(l=other)
    chance = rng.random()
    if chance < 0.04:
        return [user(_asked(rng, classic, other, plain=False)), assistant(no_other)]
    language = _JAVASCRIPT if "js" in classic and chance > 0.74 else _PYTHON
    second = _JAVASCRIPT if language == _PYTHON else _PYTHON
    if "js" in classic and chance < 0.08:
        both = f"{solution(function)}\n\n{in_javascript(classic, function)}"
        return [user(_both(rng, classic)), assistant(both)]
    plain = language == _PYTHON and rng.random() < 0.12
    asked = _asked(rng, classic, _language(rng, language), plain=plain)
    said = [user(asked), assistant(_answer(classic, function, language))]
    chance = rng.random()
    if chance < 0.05:
        said += [user(_too(rng, other, language)), assistant(no_other)]
    elif chance < 0.35 and "js" in classic:
        asked = _too(rng, _language(rng, second), language)
        said += [user(asked), assistant(_answer(classic, function, second))]
    elif chance < 0.5 and language == _PYTHON:
        go_on(rng, function, said)
    elif chance < 0.56:
        said += [user(_said(rng, rng.choice(_DATA["wrong"]))), assistant(_DATA["wrong_answer"])]
    return said
