"""Questions about the model itself, one or two at once, and what is said to the answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import program
from .scenes import varied
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_ABOUT: list[dict[str, Any]] = _DATA["about"]
_NEGATIVE = ("No,", "I have no", "I do not", "I am not alive", "I am never")
_LEADS = ("And ", "and ", "OK, and ", "I see. ", "Oh. And ", "Then ", "ok, ")


def asked(rng: random.Random) -> Chat:
    """Ask one thing, or two at once; and perhaps say something to the answer, or ask on."""
    if rng.random() < 0.22:
        return program.spoken(rng, _both(rng))
    about = _drawn(rng)
    chat = _said(rng, rng.choice(about["u"]), about["a"])
    chance = rng.random()
    if chance < 0.35:
        chat += _reaction(rng, about)
    elif chance < 0.5:
        other = _drawn(rng, about)
        chat += _said(rng, f"{rng.choice(_LEADS)}{rng.choice(other['ask'])}?", other["a"])
    return program.spoken(rng, chat)


def hasty(rng: random.Random, text: str) -> str:
    """Write as one types in haste: small letters, no apostrophes, perhaps no full stop."""
    text = text.lower().replace("'", "")
    short = text.rstrip(".?!")
    return short if short and rng.random() < 0.4 else text


def casual(rng: random.Random, text: str) -> str:
    """Write as one types in haste, with a slip now and then."""
    text = hasty(rng, text)
    at = [place for place in range(1, len(text) - 1) if text[place : place + 2].isalpha()]
    if at and len(text) > 12 and rng.random() < 0.25:
        place = rng.choice(at)
        swapped = text[place + 1] + text[place]
        text = text[:place] + rng.choice((swapped, text[place + 1])) + text[place + 2 :]
    return text


def _both(rng: random.Random) -> Chat:
    """Ask for two things in one message: both are answered, each in one sentence."""
    first, second = _drawn(rng), _drawn(rng)
    while first is second:
        second = _drawn(rng)
    pattern: str = rng.choice(_DATA["and_you"])
    questions = [rng.choice(first["ask"]), rng.choice(second["ask"])]
    for place, question in enumerate(questions):
        pattern = pattern.replace(f"{{{place}}}", question)
        pattern = pattern.replace(f"{{^{place}}}", question[:1].upper() + question[1:])
    asked_for = pattern[:1].upper() + pattern[1:]
    return _said(rng, asked_for, f"{_short(first)} {_short(second)}")


def _reaction(rng: random.Random, about: dict[str, Any]) -> Chat:
    """Say something to an answer: ask why or whether it is so, want it shorter, doubt it, nod."""
    kinds = ("why", "really", "shorter", "wrong", "nods", "pity")
    weights = [5, 4, 3, 2, 4, 2]
    negative = about["a"].startswith(_NEGATIVE)
    if not negative and "why" not in about:
        weights[0] = 0
    if not negative:
        weights[5] = 0
    if about["a"].endswith("?"):
        weights[1:] = [0, 2, 1, 0, 0]
    if "short" not in about:
        weights[2] = 0
    (kind,) = rng.choices(kinds, weights)
    answers = {
        "why": about.get("why", _DATA["because"]),
        "really": _DATA["really_answer"] + _short(about),
        "shorter": _short(about),
        "wrong": _DATA["wrong_answer"],
        "nods": _DATA["nods_answer"],
        "pity": _DATA["pity_answer"],
    }
    return _said(rng, rng.choice(_DATA[kind]), answers[kind])


def _short(about: dict[str, Any]) -> str:
    text: str = about.get("short", about["a"])
    return text


def _drawn(rng: random.Random, other: dict[str, Any] | None = None) -> dict[str, Any]:
    """Draw one of the things that are asked, and not the other one."""
    weights = [one.get("weight", 1) if one is not other else 0 for one in _ABOUT]
    (about,) = rng.choices(_ABOUT, weights)
    return about


def _said(rng: random.Random, asks: str, answer: str) -> Chat:
    text = varied(rng, asks)
    text = casual(rng, text) if rng.random() < 0.2 else typed(rng, text)
    return [user(text), assistant(answer)]
