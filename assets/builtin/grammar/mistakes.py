"""Sentences with the mistakes that learners make in grammar, and the same sentences put right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .notes import note
from .summaries import upper
from .words import CITIES, DAYS, NAMES, Chat, assistant, user

if TYPE_CHECKING:
    import random

_LISTS: dict[str, list[str]] = {
    **tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")),
    "name": NAMES,
    "city": CITIES,
    "day": DAYS,
}
_PLACE = re.compile(r"\[([^]]+)\]")
_QUESTION = re.compile(r"(how|where|what|why|is|does|do|can you)\b")
_MOST_MISTAKES = 3
_RIGHT = "That is right."
_APOSTROPHE = re.compile(r"(?<=n)'(?=t\b)|(?<=\bI)'(?=m\b)")


def mistake(rng: random.Random) -> Chat:
    """Ask for a sentence without its mistakes, and perhaps what they were, or for another one."""
    right, wrong, changes = sentence(rng)
    if rng.random() < 0.07:
        right = note(rng) if rng.random() < 0.5 else right
        return [user(_joined(rng, rng.choice(_LISTS["right"]), right)), assistant(_RIGHT)]
    chat = [user(_asked(rng, wrong)), assistant(right)]
    chance = rng.random()
    if chance < 0.12:
        said = ", and ".join(f'"{good}", not "{bad}"' for good, bad in changes)
        chat += [user(rng.choice(_LISTS["why"])), assistant(f"It is {said}.")]
    elif chance < 0.22:
        right, wrong, _ = sentence(rng)
        chat += [user(rng.choice(_LISTS["again"]).format(wrong)), assistant(right)]
    return chat


def _drawn(rng: random.Random, text: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: _drawn(rng, rng.choice(_LISTS[slot[1]])), text)


def _clauses(rng: random.Random) -> str:
    first = _drawn(rng, rng.choice(_LISTS["clause"]))
    if _QUESTION.match(_PLACE.sub(lambda place: place[1].split("/")[0], first)):
        return f"{first}?"
    if rng.random() < 0.4:
        second = _drawn(rng, rng.choice(_LISTS["clause"]))
        plain = _PLACE.sub(lambda place: place[1].split("/")[0], second)
        if not _QUESTION.match(plain) and first.split()[:2] != second.split()[:2]:
            return f"{first} {rng.choice(('and', 'and', 'but'))} {second}."
    return f"{first}."


def sentence(rng: random.Random) -> tuple[str, str, list[tuple[str, str]]]:
    """Draw a sentence as it should be, as it was written, and what differs."""
    text = _clauses(rng)
    count = len(_PLACE.findall(text))
    most = count if rng.random() < 0.4 else rng.choice((1, 2, 2, _MOST_MISTAKES))
    chosen = set(rng.sample(range(count), min(count, most)))
    changes: list[tuple[str, str]] = []
    places = iter(range(count))

    def filled(place: re.Match[str]) -> str:
        forms: list[str] = place[1].split("/")
        if next(places) not in chosen:
            return forms[0]
        changes.append((forms[0], rng.choice(forms[1:])))
        return changes[-1][1]

    bad = _PLACE.sub(filled, text)
    good = upper(_PLACE.sub(lambda place: place[1].split("/")[0], text))
    chance = rng.random()
    if chance < 0.5:
        bad = upper(bad)
    elif chance < 0.75:
        bad = bad.lower()
    if rng.random() < 0.12:
        bad, changes = _hurried(bad), [(one, _hurried(other)) for one, other in changes]
    return good, bad[:-1] if rng.random() < 0.4 else bad, changes


def _hurried(text: str) -> str:
    """Leave out the apostrophes of "don't" and "I'm", as people do who type fast."""
    return _APOSTROPHE.sub("", text)


def _asked(rng: random.Random, text: str) -> str:
    """Put what is wanted before the sentence, or behind it."""
    if rng.random() < 0.1:
        return f"{_quoted(rng, text)} - {rng.choice(_LISTS['behind'])}"
    return _joined(rng, rng.choice(_LISTS["asked"]), text)


def _quoted(rng: random.Random, text: str) -> str:
    return f'"{text}"' if rng.random() < 0.15 else text


def _joined(rng: random.Random, phrase: str, text: str) -> str:
    """Put what is wanted before the sentence."""
    shown = _quoted(rng, text)
    if rng.random() < 0.4:
        phrase = phrase[:1].lower() + phrase[1:]
    if phrase.endswith("?"):
        return f"{phrase} {shown}"
    return f"{phrase}{rng.choice((': ', ': ', ': ', ' - ', chr(10)))}{shown}"
