"""What is said around facts: slips of the keys, doubts, two questions in one, and fun facts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import assistant, typed, user

if TYPE_CHECKING:
    import random

    from .words import Chat

_SAID: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_SLIPS: dict[str, list[str]] = _SAID["slips"]
_ASKING = ("What ", "Who ", "Which ", "How ", "Where ", "When ", "Is ", "Do ")


def slipped(rng: random.Random, text: str) -> str:
    """Type one word of a question as people in a hurry do."""
    found = [word for word in _SLIPS if f"{word} " in f"{text} "]
    if not found:
        return text
    word = rng.choice(found)
    return text.replace(word, rng.choice(_SLIPS[word]), 1)


def spelled(rng: random.Random, text: str) -> str:
    """Spell a question as in America, now and then."""
    return text.replace("colour", "color") if rng.random() < 0.35 else text


def joined(
    rng: random.Random, first: tuple[str, str], second: tuple[str, str]
) -> tuple[str, str] | None:
    """Ask two things in one sentence, where both are plain questions."""
    if not all(q.startswith(_ASKING) and q.endswith("?") for q, _ in (first, second)):
        return None
    (one, answer), (two, other) = first, second
    two = two[:1].lower() + two[1:]
    return f"{one[:-1]}{rng.choice([' and ', ', and ', '? And '])}{two}", f"{answer} {other}"


def doubted(rng: random.Random, answer: str) -> Chat:
    """Doubt an answer, or ask for its reason or its source."""
    kind = rng.choice(["sure", "wrong", "why", "know"])
    # "No, a whale is a mammal" is said again without its no.
    again = answer.removeprefix("No, ").removeprefix("Yes, ")
    reply = _SAID[f"{kind}_answer"].format(answer=again[:1].upper() + again[1:])
    return [user(typed(rng, rng.choice(_SAID[kind]))), assistant(reply)]


def fun(rng: random.Random) -> Chat:
    """Ask for a fun fact, and for others, which always come in the same order."""
    chat: Chat = []
    for at, fact in enumerate(_SAID["fun_facts"][: rng.choice((1, 2, 2, 3, 5))]):
        asked = rng.choice(_SAID["fun_next" if at else "fun"])
        lead = "another fun fact" if at else "a fun fact"
        chat += [user(typed(rng, asked)), assistant(f"Here is {lead}: {fact}.")]
        if rng.random() < 0.12:
            chat += doubted(rng, f"{fact[:1].upper()}{fact[1:]}.")
    return chat
