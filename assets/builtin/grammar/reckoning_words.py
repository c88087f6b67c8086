"""The phrases of the sums, and numbers as words and as Roman numerals."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .words import NUMBERS

if TYPE_CHECKING:
    import random

Turns = list[tuple[str, str]]

_FOLDER = Path(__file__).parent
SAID: dict[str, list[str]] = {}
for _name in ("reckoning.toml", "reckoning_time.toml", "reckoning_more.toml"):
    SAID |= tomllib.loads((_FOLDER / _name).read_text(encoding="utf-8"))

_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ROMAN = [(10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def ask(rng: random.Random, kind: str, **slots: object) -> str:
    """Choose a phrase of a kind and fill its slots."""
    question = rng.choice(SAID[kind]).format(**slots)
    return question[:1].upper() + question[1:]


def ask_in_words(rng: random.Random, kind: str, **numbers: int) -> str:
    """Ask with numbers in words, in a phrase without signs."""
    spoken = [phrase for phrase in SAID[kind] if not any(sign in phrase for sign in "+-*/:=^")]
    spoken = [phrase for phrase in spoken if "} x {" not in phrase]
    question = rng.choice(spoken).format(**{k: in_words(n) for k, n in numbers.items()})
    return question[:1].upper() + question[1:]


def in_words(number: int) -> str:
    """Write a number below one hundred in words."""
    if number <= 20:
        return NUMBERS[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{NUMBERS[ones]}" if ones else "")


def roman(number: int) -> str:
    """Write a number up to 39 as the Romans did."""
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def ordinal(number: int) -> str:
    """Write 1 as 1st, 2 as 2nd and so on."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if 10 < number % 100 < 20 else ends.get(number % 10, "th")
    return f"{number}{end}"
