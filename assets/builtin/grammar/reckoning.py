"""Chats about sums, measures, dates and times, with the way shown where it helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import reckoning_more as more
from . import reckoning_numbers as numbers
from . import reckoning_stories as stories
from . import reckoning_time as time
from .reckoning_words import SAID, Turns
from .words import assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from .words import Chat

_KINDS: dict[Callable[[random.Random], Turns], int] = {
    numbers.sums: 44,
    numbers.drill: 20,
    numbers.division: 13,
    numbers.check: 3,
    numbers.quiz: 2,
    numbers.parts: 9,
    numbers.percent: 11,
    numbers.compare: 3,
    numbers.parity: 2,
    numbers.lists: 6,
    numbers.counting: 3,
    numbers.writing: 3,
    numbers.table: 2,
    numbers.rounded: 2,
    numbers.prime: 3,
    numbers.root: 2,
    stories.kept: 9,
    stories.together: 2,
    stories.groups: 8,
    stories.money: 12,
    stories.ages: 4,
    stories.ways: 3,
    more.average: 4,
    more.power: 3,
    more.discount: 4,
    more.area: 3,
    more.fractions: 1,
    more.mixed: 5,
    more.foreign: 3,
    time.units: 13,
    time.degrees: 2,
    time.days: 6,
    time.months: 5,
    time.dates: 4,
    time.clock: 8,
    time.hours_later: 4,
    time.reading: 2,
}


def _chat(rng: random.Random) -> Chat:
    chat: Chat = []
    for _ in range(rng.choices([1, 2, 3, 4], [35, 30, 20, 15])[0]):
        kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
        before = rng.choice(SAID["before"]) if rng.random() < 0.12 else ""
        for question, answer in kind(rng):
            chat += [user((before + typed(rng, question)).strip()), assistant(answer)]
            before = ""
    if rng.random() < 0.2:
        chat += [user(typed(rng, rng.choice(SAID["thanks"])))]
        chat += [assistant(rng.choice(SAID["welcome"]))]
    return chat


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Write `count` chats with one sum or several."""
    for _ in range(count):
        yield _chat(rng)
