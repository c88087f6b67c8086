"""Word problems: things given and lost, bought and shared, ages, ways and areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reckoning_words import SAID, Turns, ask, in_words
from .words import NAMES
from .written_sums import worked

if TYPE_CHECKING:
    import random


def _shown(rng: random.Random, number: int) -> int | str:
    return in_words(number) if number <= 20 and rng.random() < 0.2 else number


def kept(rng: random.Random) -> Turns:
    """Have something and lose a part of it or get more."""
    item, (one, two) = rng.choice(SAID["items"]), rng.sample(NAMES, 2)
    a, b = rng.randint(3, 30), rng.randint(2, 20)
    loses = rng.random() < 0.55
    if loses and a <= b:
        a, b = b + 1, a
    if rng.random() < 0.1:
        a = rng.randint(a, 99)
    which = rng.randrange(len(SAID["lose" if loses else "gain"]))
    now, past = ("lose", "lost") if loses else ("gain", "gained")
    if SAID[now][which] == "eat":
        item = rng.choice(SAID["edible"])
    own = rng.random() < 0.5
    kind = ("i_" if own else "n_") + now
    slots = {"a": _shown(rng, a), "b": _shown(rng, b), "i": item, "n": one, "m": two}
    question = ask(rng, kind, v=SAID[now][which], w=SAID[past][which], **slots)
    who = "You have" if own else f"{one} has"
    if loses:
        left = a - b
        turns = [(question, f"{worked(a, '-', b)} {who} {_some(left, item)} left.")]
        if own and left > 3 and rng.random() < 0.4:
            c = rng.randint(2, left - 1)
            following = ask(rng, "lose_more", c=_shown(rng, c), v=SAID[now][which])
            rest = f"{worked(left, '-', c)} {who} {_some(left - c, item)} left."
            turns.append((following, rest))
        return turns
    if "together" in question:
        return [(question, f"{worked(a, '+', b)} Together that is {_some(a + b, item)}.")]
    return [(question, f"{worked(a, '+', b)} {who} {_some(a + b, item)} now.")]


_ODD_ONES = {"tomatoes": "tomato", "potatoes": "potato", "cherries": "cherry", "boxes": "box"}


def _some(count: int, items: str) -> str:
    """Say how many there are, with one of them in the singular."""
    return f"{count} {items}" if count != 1 else f"1 {_ODD_ONES.get(items, items[:-1])}"


def together(rng: random.Random) -> Turns:
    """Ask what two people have together."""
    item, (one, two) = rng.choice(SAID["items"]), rng.sample(NAMES, 2)
    a, b = rng.randint(2, 40), rng.randint(2, 40)
    question = ask(rng, "together", a=_shown(rng, a), b=_shown(rng, b), i=item, n=one, m=two)
    return [(question, f"{worked(a, '+', b)} {one} and {two} have {a + b} {item} together.")]


def groups(rng: random.Random) -> Turns:
    """Count things in groups, or share them."""
    item, a, b = rng.choice(SAID["items"]), rng.randint(2, 12), rng.randint(2, 12)
    if rng.random() < 0.5:
        box = rng.choice(SAID["containers"])
        question = ask(rng, "groups", a=_shown(rng, a), b=_shown(rng, b), i=item, g=box)
        return [(question, f"{a} x {b} = {a * b}. There are {a * b} {item} in all.")]
    who = rng.choice(SAID["people"])
    question = ask(rng, "share", a=a * b, b=_shown(rng, b), i=item, g=who)
    return [(question, f"{a * b} / {b} = {a}. Each of the {b} {who} gets {a} {item}.")]


def money(rng: random.Random) -> Turns:
    """Ask for the price of several or of one, or for the change."""
    item, coin = rng.choice(SAID["items"]), rng.choice(SAID["money"])
    if rng.random() < 0.3:
        a, b = rng.randint(2, 12), rng.randint(2, 12)
        question = ask(rng, "each", a=a * b, b=_shown(rng, b), i=item, c=coin)
        return [(question, f"{a * b} / {b} = {a}. Each of them costs {a} {coin}.")]
    if rng.random() < 0.5:
        a, b = rng.randint(2, 12), rng.randint(2, 12)
        question = ask(rng, "price", a=a, b=_shown(rng, b), i=item, c=coin)
        return [(question, f"{b} x {a} = {a * b}. The {b} {item} cost {a * b} {coin}.")]
    a = rng.choice([5, 10, 20, 20, 50, 100])
    b = rng.randint(1, a - 2) if a != 50 else rng.randint(11, 48)
    question = ask(rng, "change", a=a, b=b, i=item, c=coin)
    turns = [(question, f"{worked(a, '-', b)} You get {a - b} {coin} back.")]
    if "left" in question:
        turns = [(question, f"{worked(a, '-', b)} You have {a - b} {coin} left.")]
    return turns


def ages(rng: random.Random) -> Turns:
    """Ask how old someone is, was or will be."""
    kind = rng.choice(["older", "younger", "age_in", "age_ago", "born"])
    one, two = rng.sample(NAMES, 2)
    a, b = rng.randint(12, 60), rng.randint(1, 11)
    if kind == "born":
        b = rng.randint(1940, 2015)
        a = rng.randint(b + 5, 2035)
        return [(ask(rng, kind, a=a, b=b), f"{worked(a, '-', b)} The age in {a} is {a - b} years.")]
    question = ask(rng, kind, a=a, b=_shown(rng, b), n=one, m=two)
    if kind == "older":
        return [(question, f"{worked(a, '+', b)} {two} is {a + b} years old.")]
    if kind == "younger":
        return [(question, f"{worked(a, '-', b)} {two} is {a - b} years old.")]
    if kind == "age_in":
        return [(question, f"{worked(a, '+', b)} You will be {a + b} years old.")]
    return [(question, f"{worked(a, '-', b)} You were {a - b} years old.")]


def ways(rng: random.Random) -> Turns:
    """Ask how far something goes, or how large a place is."""
    kind = rng.choice(["speed", "area", "around"])
    a, b = rng.randint(3, 12), rng.randint(2, 10)
    if kind == "speed":
        a *= 10
        vehicle = rng.choice(SAID["vehicles_driven"])
        question = ask(rng, kind, a=a, b=_shown(rng, b), v=vehicle)
        return [(question, f"{a} x {b} = {a * b}. The {vehicle} goes {a * b} kilometres.")]
    place = rng.choice(SAID["plots"])
    question = ask(rng, kind, a=a, b=b, p=place)
    if kind == "area":
        return [(question, f"{a} x {b} = {a * b}. The area is {a * b} square metres.")]
    way = f"{a} + {b} = {a + b} and 2 x {a + b} = {2 * (a + b)}"
    return [(question, f"{way}. The way around is {2 * (a + b)} metres long.")]
