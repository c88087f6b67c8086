"""Texts with spelling mistakes, and the same texts spelled right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .everyday import sentence
from .notes import note
from .summaries import beside, upper
from .words import Chat, assistant, user

if TYPE_CHECKING:
    import random

_HERE = Path(__file__)
SENTENCES: dict[str, list[str]] = tomllib.loads(
    _HERE.with_name("spelling.toml").read_text(encoding="utf-8")
)
_ASKED: dict[str, Any] = tomllib.loads(_HERE.with_name("texts.toml").read_text(encoding="utf-8"))
_WRONG: dict[str, list[str]] = {
    right: wrong for right, *wrong in (pair.split("|") for pair in SENTENCES["pairs"])
}
# Words that are no others when they are misspelt, so that one can be asked about alone.
_ALONE = {
    right: sure
    for right, wrong in _WRONG.items()
    if len(right) > 4 and right.isalpha() and (sure := [one for one in wrong if one not in _WRONG])
}
_WORD = re.compile(r"[A-Za-z][A-Za-z']*[A-Za-z]")


def spelled(rng: random.Random, text: str) -> Chat:
    """Ask for a text without its spelling mistakes."""
    bad = _mistaken(rng, text) if rng.random() < 0.75 else _hurried(rng, text)
    if rng.random() < 0.2:
        bad = re.sub(r"\bI\b(?!')", "i", bad[:1].lower() + bad[1:])
    if bad[-1] == "." and rng.random() < 0.25:
        bad = bad[:-1]
    return [beside(rng, _ASKED["spelling"], bad), assistant(text)]


def everyday(rng: random.Random) -> Chat:
    """Ask for one or two everyday sentences without their spelling mistakes, or for a word."""
    if rng.random() < 0.12:
        right = rng.choice(list(_ALONE))
        bad = rng.choice(_ALONE[right])
        asked = rng.choice(_ASKED["spelled_word"]).format(right=right, bad=bad)
        return [user(asked), assistant(f'It is spelled "{right}".')]
    return spelled(rng, " ".join(_typed(rng) for _ in range(rng.choice([1, 1, 1, 1, 2]))))


def _typed(rng: random.Random) -> str:
    return note(rng) if rng.random() < 0.65 else sentence(rng)


def copied(rng: random.Random, text: str) -> Chat:
    """Ask for a text of any kind again, as it is or without its spelling mistakes."""
    if rng.random() < 0.25:
        return [beside(rng, _ASKED["repeat"], text), assistant(text)]
    return spelled(rng, text)


def _mistaken(rng: random.Random, text: str) -> str:
    """Misspell one to four words of a text, those first that people often misspell."""
    words = list(_WORD.finditer(text))
    # "The" and its like stand everywhere; they are misspelled no more often than others.
    known = [
        word
        for word in words
        if len(word[0]) > 4 and (word[0] in _WRONG or word[0].lower() in _WRONG)
    ]
    others = [
        word
        for word in words
        if (len(word[0]) > 4 and word[0].islower() and word not in known)
        or (len(word[0]) < 5 and word[0] in _WRONG)
    ]
    rng.shuffle(known)
    rng.shuffle(others)
    chosen = (known + others) if rng.random() < 0.8 else (others + known)
    for word in sorted(chosen[: rng.choice([1, 1, 2, 2, 3, 3, 4])], key=lambda one: -one.start()):
        text = text[: word.start()] + _mistake(rng, word[0]) + text[word.end() :]
    return text


def _mistake(rng: random.Random, word: str) -> str:
    """Spell a word as people often do it wrong."""
    bad = _WRONG.get(word) or _WRONG.get(word.lower())
    if not bad:
        return _mistyped(rng, word)
    return upper(rng.choice(bad)) if word[0].isupper() else rng.choice(bad)


def _mistyped(rng: random.Random, word: str) -> str:
    """Spell a word as somebody in a hurry does."""
    at = rng.randrange(1, len(word) - 1)
    double = re.search(r"([a-z])\1", word[1:])
    match rng.randrange(6):
        case 0 | 1 if double:
            return word[: double.start() + 1] + word[double.start() + 2 :]
        case 0 | 2 if "ie" in word or "ei" in word:
            return re.sub("ie|ei", lambda pair: pair[0][::-1], word)
        case 1 | 2:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 3:
            return word[:at] + word[at + 1 :]
        case 4 if vowels := [spot for spot in range(1, len(word)) if word[spot] in "aeiou"]:
            spot = rng.choice(vowels)
            return word[:spot] + rng.choice("aeiou") + word[spot + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


def _hurried(rng: random.Random, text: str) -> str:
    """Put spelling mistakes everywhere into a text."""
    share = rng.choice([0.3, 0.6, 0.9])

    def wrong(match: re.Match[str]) -> str:
        word = match[0]
        if word in _WRONG or word.lower() in _WRONG:
            return _mistake(rng, word) if rng.random() < share else word
        if len(word) > 4 and word.islower() and rng.random() < share * 0.4:
            return _mistyped(rng, word)
        return word

    return _WORD.sub(wrong, text)
