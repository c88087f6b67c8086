"""How people feel and what helps them, and what one may do on a day: an answer for each."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_BEGUN = ("I ", "(I")
"""How the phrases begin before which one may sigh."""
SLOTS: dict[str, list[str]] = _DATA["slots"]
"""The words that the phrases draw from, beside those of the other scenes."""


def scenes() -> list[dict[str, Any]]:
    """Make the scenes: each mood as it is told, and as it is asked about; and each kind of day."""
    made: list[dict[str, Any]] = []
    for mood in _DATA["mood"]:
        made += [_told(mood), _asked(mood)]
    return made + [_day(day) for day in _DATA["day"]]


def _told(mood: dict[str, Any]) -> dict[str, Any]:
    """Tell of a mood, and ask what helps, or do not want to know."""
    follows = [
        *[{"u": [*_DATA["tips"], *_questions(mood)], "a": [mood["help"]]}] * 4,
        {"u": _DATA["no"], "a": [_DATA["no_answer"]]},
    ]
    told = {"u": _ended(mood["tell"]), "a": [mood["said"]]}
    return {"weight": mood["weight"], "turns": [[told], follows, [_thanks()]]}


def _asked(mood: dict[str, Any]) -> dict[str, Any]:
    """Ask what helps in a mood, or tell of it and ask in one message."""
    joined = "|".join(_DATA["joined"])
    both = [f"{tell}. ({joined})" for tell in mood["tell"]]
    both += [f"{tell}, ({joined.lower()})" for tell in mood["tell"]]
    turn = [{"u": said, "a": [mood["help"]]} for said in (both, mood.get("asks")) if said]
    return {"weight": mood["weight"] / 2, "turns": [turn, [_thanks()]]}


def _day(day: dict[str, Any]) -> dict[str, Any]:
    """Ask for ideas for a day, and choose one of them or ask for more."""
    chosen = _DATA["chosen"]
    follows = [
        {"u": chosen["picks"], "a": [chosen["picks_answer"]]},
        {"u": chosen["others"], "a": [day["more"]]},
    ]
    asked = {"u": day["asks"], "a": [day["ideas"]]}
    return {"weight": day["weight"], "turns": [[asked], follows, [_thanks()]]}


def _questions(mood: dict[str, Any]) -> list[str]:
    """Return what asks for help: some of it only later, as it asks for a list at the beginning."""
    questions: list[str] = mood.get("asks") or mood["later"]
    return questions


def _ended(phrases: list[str]) -> list[str]:
    """End phrases as people do."""
    begun = "(|||||||ugh, |Ugh, |oh man, |honestly, |hm, )"
    return [f"{begun if phrase[:2] in _BEGUN else ''}{phrase}(|.|.|!|...)" for phrase in phrases]


def _thanks() -> dict[str, list[str]]:
    return {"u": _DATA["thanks"], "a": [_DATA["thanks_answer"]]}
