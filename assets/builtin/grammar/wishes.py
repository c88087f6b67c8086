"""What a user may want in an errand: places, days, times, and what can be asked about them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import CITIES, DAYS, MONTHS, NAMES, NUMBERS, with_article

if TYPE_CHECKING:
    import random

_TOML: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("errands.toml").read_text(encoding="utf-8")
)
_SLOTS: dict[str, dict[str, Any]] = _TOML["slots"]
COUNTS = NUMBERS[2:13] + [str(number) for number in range(2, 13)]

_LONGER = ["15", "20", "25", "30", "40", "45", "50", "60", "90", "fifteen", "twenty", "thirty"]


def upper(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def join(parts: list[str]) -> str:
    """Join phrases as a list in a sentence."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def tidy(text: str) -> str:
    """Close the gaps that slots without a value leave, and mend the plural after one."""
    text = re.sub(r"\bone (ticket|person|people)s?\b", r"one \1", " ".join(text.split()))
    return re.sub(r" +([,.?])", r"\1", text.replace("one people", "one person"))


def _place(rng: random.Random) -> str:
    kind = rng.choice(_TOML["place_kind"])
    word = rng.choice(_TOML["place_word"]) + " " if rng.random() < 0.6 else ""
    return rng.choice([f"the {word}{kind}", f"{rng.choice(_TOML['streets'])} Street"])


def _day(rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.42:
        return "on " + rng.choice(DAYS)
    if chance < 0.5:
        return "on " + rng.choice(DAYS) + rng.choice([" morning", " evening", " afternoon"])
    if chance < 0.75:
        return rng.choice(
            ["tomorrow"] * 8
            + ["today", "tonight", "this weekend", "next week", "the day after tomorrow"]
            + ["tomorrow morning", "tomorrow evening", "this evening", "tomorrow afternoon"]
            + [f"next {day}" for day in DAYS]
        )
    day = rng.randint(1, 28)
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    month = rng.choice(MONTHS)
    return rng.choice([f"on the {day}{ending} of {month}", f"on {month} {day}"])


def _clock(rng: random.Random) -> str:
    hour = rng.choice(_TOML["hours"])
    minute = rng.choice(["", "", "", "half past ", "a quarter past ", "a quarter to ", "ten past "])
    part = rng.choice(["", "", " in the morning", " in the evening", " in the afternoon"])
    number = rng.randint(1, 12)
    return rng.choice(
        [
            f"{minute}{hour}{part}",
            f"{minute}{hour}",
            f"{number}{rng.choice([' am', ' pm', 'pm', 'am', ''])}",
            f"{number}:{rng.choice(['00', '15', '30', '45'])}{rng.choice([' am', ' pm', ''])}",
            f"{rng.randint(7, 22)}:{rng.choice(['00', '15', '30', '45', '20', '50'])}",
            rng.choice(["noon", "midday", f"{hour} sharp", f"{hour} o'clock"]),
        ]
    )


def _time(rng: random.Random) -> str:
    before = rng.choice(["at", "at", "at", "at", "before", "after", "around", "shortly after"])
    return f"{before} {_clock(rng)}"


def _part(rng: random.Random) -> str:
    side = rng.choice(["north", "south", "east", "west", "centre"])
    streets = rng.choice(_TOML["streets"])
    return rng.choice(
        [
            f"in the {side} of the town",
            f"in the {side}",
            f"near {_place(rng)}",
            f"in {streets} Street",
        ]
    )


def _span(rng: random.Random, units: str) -> str:
    unit = rng.choice(units.split())
    return rng.choice([with_article(unit), f"one {unit}", *[f"{n} {unit}s" for n in COUNTS]])


def value(rng: random.Random, slot: str, errand: str) -> str:
    """Draw what the user wants in one respect."""
    match slot:
        case "people" | "tickets":
            return "one" if slot == "tickets" and rng.random() < 0.1 else rng.choice(COUNTS)
        case "day":
            return _day(rng)
        case "time":
            return _time(rng)
        case "pickup":
            return rng.choice([_day(rng), _day(rng) + " " + _time(rng)])
        case "part":
            return _part(rng)
        case "from" | "to":
            return rng.choice(CITIES) if errand == "travel" and rng.random() < 0.6 else _place(rng)
        case "span" if errand == "timer":
            count = rng.choice([*COUNTS, *_LONGER])
            return rng.choice([f"{count} minutes", f"{count} minutes", _span(rng, "minute hour")])
        case "span":
            return "the weekend" if rng.random() < 0.15 else _span(rng, "day day week month")
        case "nights":
            return rng.choice(["one night", *[f"{count} nights" for count in COUNTS]])
        case "city":
            return rng.choice(CITIES)
        case "where":
            return _place(rng)
        case "book":
            word, kind = rng.choice(_TOML["place_word"]), rng.choice(_TOML["place_kind"])
            return f'"The {upper(word)} {upper(kind)}"'
        case _:
            return str(rng.choice(_SLOTS[slot]["values"]))


def fact(rng: random.Random, kind: str) -> str:
    """Make up the answer to a question about a booking."""
    street, name = rng.choice(_TOML["streets"]), rng.choice(NAMES)
    match kind:
        case "address":
            return f"{rng.randint(1, 60)} {street} {rng.choice(_TOML['road'])}"
        case "phone":
            return f"555 {rng.randint(1000, 9999)}"
        case "place":
            return f"The {upper(rng.choice(_TOML['place_word']))} {street}"
        case "price":
            return f"{rng.randint(6, 90)} euros"
        case "platform" | "shelf":
            return str(rng.randint(1, 20))
        case "arrive" | "end":
            return f"{rng.choice(NUMBERS[2:6])} hours"
        case "due":
            return f"{rng.choice(NUMBERS[2:6])} weeks"
        case "pages":
            return str(rng.randint(8, 60) * 10)
        case "title":
            return f'"The {upper(rng.choice(_TOML["place_word"]))} {street}"'
        case "person" | "driver":
            return f"{name} {street}"
        case _:
            return f"{rng.choice(['', 'half past '])}{rng.choice(_TOML['hours'][4:11])}"
