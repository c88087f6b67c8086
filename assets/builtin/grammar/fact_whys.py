"""The reasons that children ask for most: many questions, and one answer for all of them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random

_TOPICS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)["whys"]
# What is asked in many ways is asked often.
_WEIGHTS = [3 + len(topic["why"]) + len(topic["ask"]) for topic in _TOPICS]
_ASK: list[str] = tomllib.loads(
    Path(__file__).with_name("fact_phrases.toml").read_text(encoding="utf-8")
)["why"]
# Most people just ask "why".
_PLAIN = ["Why {asked}?", "why {asked}", "why {asked}?", "Why {asked}"]
_FREELY = 0.25


class Reason(NamedTuple):
    """A question, its answer in one sentence, and one thing more."""

    question: str
    answer: str
    more: str


def asked_why(rng: random.Random) -> Reason:
    """Ask for the reason of something that everybody sees."""
    topic = rng.choices(_TOPICS, _WEIGHTS)[0]
    if rng.random() < _FREELY:
        question: str = rng.choice(topic["ask"])
    else:
        asked, _, statement = rng.choice(topic["why"]).partition(" = ")
        statement = statement or asked.removeprefix("do ")
        ways = _PLAIN if rng.random() < 0.5 else _ASK
        question = rng.choice(ways).format(asked=asked, x=statement)
    return Reason(question, topic["answer"], topic["more"])
