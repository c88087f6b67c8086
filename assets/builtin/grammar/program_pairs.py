"""Two questions about one thing of the program: in one sentence, or one after the other."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_FRAMES: dict[str, list[str]] = _DATA["frames"]
_PAIRED_PARTS = 0.12
"""How often both questions are about what is behind the thing, and none asks what it is."""


def pair(rng: random.Random, whole: Sequence[str]) -> Chat:
    """Ask for a thing and for more about it, where ``whole`` are the long answers there are."""
    if rng.random() < 0.08:
        return _two_things(rng)
    weights = [one.get("weight", 1) for one in _DATA["concept"]]
    (concept,) = rng.choices(_DATA["concept"], weights)
    name = rng.choice(concept["x"])
    first, short = _first(rng, concept, name)
    parts = [
        part
        for part in concept["part"]
        if "not_behind_does" not in part or short != concept.get("does")
    ]
    # The one that is drawn first is asked for first: those of more weight are so more often.
    parts.sort(key=lambda part: rng.random() ** (1 / part.get("weight", 1)), reverse=True)
    parts = parts[:2]
    way = rng.random()
    if way < 0.5:
        return _at_once(rng, first, short, parts, name)
    long = next((answer for answer in whole if answer.startswith(short)), short)
    named = [part for part in parts if _names_it(part)]
    if way < 0.62 and named:
        part = rng.choice(named)
        begin = part["a"].rstrip(".")
        same = (answer for answer in whole if answer.startswith(begin))
        answer = long if begin in long else next(same, part["a"])
        return _turn(rng, f"{_filled(rng, part, name)}?", answer)
    chat = _turn(rng, f"{first}?", long)
    for part in parts[: rng.choice((1, 1, 2))]:
        asked = rng.choice([*part["u"], *part.get("alone", []) * 3]).replace("{it}", "it")
        chat += _turn(rng, _framed(rng, "after", b=asked), part["a"])
    return chat


def _two_things(rng: random.Random) -> Chat:
    """Ask what two things are."""
    things = [
        one for one in _DATA["concept"] if "what" in one and ("ask" in one) <= ("does" in one)
    ]
    two = rng.sample(things, 2)
    names = [rng.choice(one["x"]) for one in two]
    asked = rng.choice(_FRAMES["two"]).replace("{x}", names[0]).replace("{y}", names[1])
    return _turn(rng, asked, " ".join(one["what"] for one in two))


def _at_once(
    rng: random.Random, first: str, short: str, parts: list[dict[str, Any]], name: str
) -> Chat:
    if len(parts) == 2 and _names_it(parts[0]) and rng.random() < _PAIRED_PARTS:
        asked = [_filled(rng, parts[0], name), _filled(rng, parts[1], "it")]
        answers = [part["a"] for part in parts]
    elif rng.random() < 0.85 or not _names_it(parts[0]):
        asked, answers = [first, _filled(rng, parts[0], "it")], [short, parts[0]["a"]]
    else:
        asked, answers = [_filled(rng, parts[0], name), first], [parts[0]["a"], short]
    return _turn(rng, _framed(rng, "both", a=asked[0], b=asked[1]), " ".join(answers))


def _first(rng: random.Random, concept: dict[str, Any], name: str) -> tuple[str, str]:
    """Return the question that begins, and its short answer."""
    does, what = concept.get("does"), concept.get("what")
    if "ask" in concept and (what is None or does is None or rng.random() < 0.4):
        return rng.choice(concept["ask"]), does or what or ""
    bare = name.removeprefix("a ").removeprefix("the ")
    asked = rng.choice(_FRAMES["what"]).replace("{x.bare}", bare).replace("{x}", name)
    return asked, str(what)


def _names_it(part: dict[str, Any]) -> bool:
    return any("{it}" in way for way in part["u"])


def _filled(rng: random.Random, part: dict[str, Any], name: str) -> str:
    """Ask for a part, in a way that names the thing if others do not."""
    named = [way for way in part["u"] if "{it}" in way]
    ways: list[str] = part["u"] if name == "it" or not named else named
    return rng.choice(ways).replace("{it}", name)


def _framed(rng: random.Random, frame: str, **clauses: str) -> str:
    text = rng.choice(_FRAMES[frame])
    for key, clause in clauses.items():
        capital = clause[:1].upper() + clause[1:]
        text = text.replace(f"{{{key}}}", clause).replace(f"{{{key.upper()}}}", capital)
    return text


def _turn(rng: random.Random, asked: str, answer: str) -> Chat:
    asked = asked[:1].upper() + asked[1:] if rng.random() < 0.6 else asked
    return [user(typed(rng, asked)), assistant(answer)]
