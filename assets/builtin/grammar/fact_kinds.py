"""Questions about kinds of things: what belongs to them, what is larger, and yes or no."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .words import with_article

if TYPE_CHECKING:
    import random

Asked = tuple[str, str]

_DATA = tomllib.loads(Path(__file__).with_name("fact_kinds.toml").read_text(encoding="utf-8"))
_KINDS: dict[str, list[str]] = _DATA["kinds"]
_BARE: list[str] = _DATA["bare"]["bare"]
# Words with these ends do not just take an s when there are several.
_NO_PLAIN_S = (
    "y",
    "s",
    "x",
    "z",
    "ch",
    "sh",
    "f",
    "fe",
    "o",
    "man",
    "mouse",
    "fish",
    "tooth",
    "sheep",
)
_BEFORE = [*["{}"] * 7, "Tell me: {}", "Quick question: {}", "Do you know this? {}"]


def _ask(rng: random.Random, kind: str, **slots: str) -> str:
    question: str = rng.choice(_DATA[kind]).format(**slots)
    return question[:1].upper() + question[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(kind: str, thing: str) -> str:
    return thing if kind in _BARE else with_article(thing)


def plural(noun: str) -> str:
    """Say what several of a thing are called."""
    many: str = _DATA["plurals"].get(noun, f"{noun}s")
    return many


def several(thing: str) -> str:
    """Say what several of "a thing" are called, where that is plain."""
    article, _, bare = thing.partition(" ")
    plain = article in ("a", "an") and not bare.endswith(_NO_PLAIN_S)
    return plural(bare) if plain else ""


def _listed(names: list[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


def belongs(rng: random.Random) -> Asked:
    """Ask to which kind a thing belongs; the wrong kind is one that is not far from it."""
    kind, other = rng.sample(rng.choices(_DATA["near"]["near"], [4, 3, 2, 2])[0], 2)
    thing = rng.choice(_KINDS[kind])
    named = _named(kind, thing)
    # "orange" is a fruit and a colour: such words are asked for what they are only.
    twofold = thing in _KINDS[other] or (thing == "orange" and other in ("fruit", "colour"))
    truth = f"{named} is {with_article(kind)}."
    if kind in _DATA["near"]["near"][0] and rng.random() < 0.15:
        return _ask(rng, "animal_kind", a=named), _capital(truth)
    if rng.random() < 0.35:
        question = _ask(rng, "what_kind", a=named, k=with_article(kind), j=with_article(other))
        return question, _capital(truth)
    asked, answer = with_article(kind), f"Yes, {truth}"
    if not twofold and rng.random() < 0.5:
        asked = with_article(other)
        answer = f"No, {named} is not {asked}. It is {with_article(kind)}."
    # Where there is more to say, it is always said.
    answer = _DATA["yes_no"].get(f"Is {named} {asked}?", answer)
    many = thing if kind in _BARE else plural(thing)
    if rng.random() < 0.4 and kind not in _BARE:
        return _ask(rng, "are_kind", a=many, k=plural(asked.partition(" ")[2])), answer
    return _ask(rng, "is_kind", a=named, k=asked), answer


def odd_one(rng: random.Random) -> Asked:
    """Find the one that does not belong, or say what several have in common."""
    kind, other = rng.sample(list(_KINDS), 2)
    few = [thing for thing in _KINDS[kind] if thing not in _KINDS[other]]
    things = rng.sample(few, rng.randint(3, min(4, len(few))))
    if rng.random() < 0.3:
        many = things if kind in _BARE else [plural(thing) for thing in things]
        return _ask(rng, "same", l=_listed(many)), f"{_capital(_listed(many))} are {plural(kind)}."
    stranger = rng.choice([thing for thing in _KINDS[other] if thing not in _KINDS[kind]])
    shown = [*things[1:], stranger]
    rng.shuffle(shown)
    question = _ask(rng, "odd_one", k=with_article(kind), l=", ".join(shown))
    named = _named(other, stranger)
    rest = f"The others are {plural(kind)}."
    return question, f"{_capital(named)} does not belong, since it is {with_article(other)}. {rest}"


def size(rng: random.Random) -> Asked:
    """Compare the sizes of two animals or bodies in space."""
    ordered, gap = (_DATA["sizes"], 2) if rng.random() < 0.7 else (_DATA["planets"], 1)
    i = rng.randrange(len(ordered) - gap)
    small, large = ordered[i], ordered[rng.randrange(i + gap, len(ordered))]
    a, b = (small, large) if rng.random() < 0.5 else (large, small)
    truth = f"{large} is bigger than {small}."
    kind = rng.choice(["bigger", "bigger", "smaller", "is_bigger"])
    question = _ask(rng, kind, a=a, b=b)
    if kind == "bigger":
        return question, _capital(truth)
    if kind == "smaller":
        return question, f"{_capital(small)} is smaller than {large}."
    return question, f"Yes, {truth}" if a == large else f"No, {truth}"


def yes_no(rng: random.Random) -> Asked:
    """Ask something that is true or not."""
    questions, answer = rng.choice(list(_DATA["yes_no"].items()))
    question = rng.choice(questions.split(" | "))
    found = re.fullmatch(r"Is an? ([a-z]+) an? ([a-z]+)\?", question)
    if found and rng.random() < 0.5:
        question = f"Are {plural(found[1])} {plural(found[2])}?"
    return rng.choice(_BEFORE).format(question), answer
