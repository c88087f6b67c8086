"""Small games with words: opposites, rhymes, plurals, spelling, counting, the alphabet."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scenes import play
from .words import DAYS, MONTHS

if TYPE_CHECKING:
    import random

    from .words import Chat

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def game(rng: random.Random) -> Chat:
    """Ask for something about words, letters or small numbers."""
    kinds = (_pairs, _rhyme, _letters, _counting, _order)
    return rng.choices(kinds, (56, 16, 10, 6, 12))[0](rng)


def _said(rng: random.Random, asks: list[str], answer: str, **slots: str) -> Chat:
    lists = {name: [value] for name, value in slots.items()}
    return play(rng, [[{"u": asks, "a": [answer]}]], lists)


def _pairs(rng: random.Random) -> Chat:
    """Ask for opposites, synonyms or plurals, of one word or of several."""
    kind = _DATA[
        rng.choice(("opposite", "opposite", "opposite", "synonym", "synonym", "plural", "used"))
    ]
    turns = [
        [{"u": kind["asks"], "a": kind["answers"]}],
        [{"u": kind["more"], "a": kind["more_answers"]}],
    ]
    return play(rng, turns, {"w": kind["words"]}, most=rng.choice((1, 1, 2)))


def _rhyme(rng: random.Random) -> Chat:
    words = rng.choice(_DATA["rhyme"]["groups"]).split()
    word = rng.choice(words)
    others = [other for other in words if other != word][:3]
    listed = others[0] if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]}"
    verb = "rhymes" if len(others) == 1 else "rhyme"
    first = listed[:1].upper() + listed[1:]
    return _said(rng, _DATA["rhyme"]["asks"], f"{first} {verb} with {word}.", w=word)


def _letters(rng: random.Random) -> Chat:
    """Ask how a word is spelled, or for something about its letters."""
    asks = _DATA["spell"]
    word = rng.choice(asks["words"])
    answers = {
        "asks": f'It is spelled "{word}".',
        "letters": asks["cannot"],
        "first": f"The first letter of {word} is {word[0].upper()}.",
        "last": f"The last letter of {word} is {word[-1].upper()}.",
    }
    kind = rng.choices(tuple(answers), (50, 30, 10, 10))[0]
    mixed = "".join(rng.sample(word, len(word)))
    slots = {"l": rng.choice(word), "x": mixed}
    return _said(rng, asks[kind], answers[kind], w=word, **slots)


def _counting(rng: random.Random) -> Chat:
    """Count up, down, or in steps, to a number that people like."""
    kind = rng.choice(("up", "up", "up", "down", "down", "step"))
    step = rng.choice((2, 5, 10)) if kind == "step" else 1
    last = rng.choice((3, 5, 5, 6, 7, 8, 10, 10, 10, 10, 10, 12, 15, 20, 20, 20))
    if kind == "step":
        last = {2: 20, 5: 50, 10: 100}[step]
    numbers = [str(number) for number in range(step, last + 1, step)]
    if kind == "down":
        numbers.reverse()
    answer = ", ".join(numbers) + "."
    return _said(rng, _DATA["counting"][kind], answer, b=str(last), s=str(step))


def _order(rng: random.Random) -> Chat:
    """Ask for the alphabet, or what comes before or after a letter, a day or a month."""
    asks = _DATA["alphabet"]
    if rng.random() < 0.2:
        listed = " ".join(string.ascii_uppercase)
        return _said(rng, asks["all"], f"The alphabet has 26 letters: {listed}.")
    name, things, prefix = rng.choice(
        (("l", list(string.ascii_uppercase), ""), ("d", DAYS, "day_"), ("m", MONTHS, "month_"))
    )
    way = rng.choice(("after", "before"))
    # Days and months go round; the alphabet has an end.
    ends = (0, len(things) - 1)
    place = rng.randrange(len(things)) if prefix else rng.randrange(1, ends[1])
    other = things[(place + (1 if way == "after" else -1)) % len(things)]
    answer = f"{other} comes {way} {things[place]}."
    if prefix:
        answer = f"The {prefix[:-1]} {way} {things[place]} is {other}."
    return _said(rng, asks[prefix + way], answer, **{name: things[place]})
