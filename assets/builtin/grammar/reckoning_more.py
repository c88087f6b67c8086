"""Questions about averages, powers, discounts, areas and units of other countries."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING

from .reckoning_words import SAID, Turns, ask

if TYPE_CHECKING:
    import random

_SEVERAL = {"foot": "feet", "stone": "stone", "km": "km", "kg": "kg"}


def average(rng: random.Random) -> Turns:
    """Ask for the average of a few numbers; it is always whole."""
    count = rng.choice([2, 3, 3, 4])
    numbers = [rng.randint(1, 20) for _ in range(count - 1)]
    numbers.append(count - sum(numbers) % count + count * rng.randint(0, 4))
    rng.shuffle(numbers)
    listed = " and ".join(", ".join(map(str, numbers)).rsplit(", ", 1))
    total = sum(numbers)
    way = f"{' + '.join(map(str, numbers))} = {total}, and {total} / {count} = {total // count}."
    return [(ask(rng, "average", l=listed), f"{way} The average is {total // count}.")]


def power(rng: random.Random) -> Turns:
    """Ask for a small power, a cube or a factorial."""
    kind = rng.choice(["power", "power", "cube", "factorial"])
    if kind == "factorial":
        a = rng.randint(2, 10)
        way = " x ".join(str(n) for n in range(a, 0, -1))
        return [(ask(rng, kind, a=a), f"{a} factorial is {way} = {factorial(a):,}.")]
    if kind == "cube":
        a = rng.randint(1, 10)
        return [(ask(rng, kind, a=a), f"{a} cubed is {a} x {a} x {a} = {a**3:,}.")]
    a, b = rng.choice([(2, 10), (3, 5), (4, 4), (5, 4), (10, 6)])
    b = rng.randint(3, b)
    way = " x ".join([str(a)] * b)
    return [(ask(rng, kind, a=a, b=b), f"{a} to the power of {b} is {way} = {a**b:,}.")]


def discount(rng: random.Random) -> Turns:
    """Ask what is left after so many per cent, or for a tip."""
    p = rng.choice([10, 20, 20, 30, 40, 50])
    a, coin = rng.randint(1, 20) * 10, rng.choice(SAID["money"])
    tenth, part = a // 10, a * p // 100
    way = f"10% of {a} is {tenth}, and {p // 10} x {tenth} = {part}."
    if rng.random() < 0.3:
        return [(ask(rng, "tip", p=p, a=a, c=coin), f"{way} The tip is {part} {coin}.")]
    end = f"{a} - {part} = {a - part}. You pay {a - part} {coin}."
    return [(ask(rng, "discount", p=p, a=a, c=coin), f"{way} {end}")]


def area(rng: random.Random) -> Turns:
    """Ask for the area of a rectangle or a square."""
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    if rng.random() < 0.4:
        return [(ask(rng, "square_area", a=a), f"{a} x {a} = {a * a}. The area is {a * a}.")]
    return [(ask(rng, "rectangle", a=a, b=b), f"{a} x {b} = {a * b}. The area is {a * b}.")]


def fractions(rng: random.Random) -> Turns:
    """Add two fractions of the same kind."""
    size = rng.randint(3, 10)
    a = rng.randint(1, size - 2)
    b = rng.randint(1, size - 1 - a)
    answer = f"{a}/{size} + {b}/{size} = {a + b}/{size}, because {a} + {b} = {a + b}."
    return [(ask(rng, "halves", a=a, b=b, s=size), answer)]


def foreign(rng: random.Random) -> Turns:
    """Convert miles, pounds and the like, about right."""
    n = rng.choice([2, 3, 4, 5, 6, 8, 10, 10, 20, 50, 100])
    if rng.random() < 0.08:
        answer = f"1 mile is 5,280 feet, so {n} miles are {5280 * n:,} feet."
        return [(ask(rng, "feet_in_miles", n=n), answer)]
    one, many, factor = rng.choice(SAID["approximate"]).split(", ")
    several = _SEVERAL.get(one, f"{one}s")
    total = f"{round(float(factor) * n, 2):g}"
    answer = f"1 {one} is about {factor} {many}, so {n} {several} are about {total} {many}."
    return [(ask(rng, "foreign", n=n, f=several, t=many), answer)]


def mixed(rng: random.Random) -> Turns:
    """Add a product, which comes first, or add to one."""
    a, b, c = (rng.randint(2, 10) for _ in range(3))
    if rng.random() < 0.5:
        answer = f"{a} x {b} = {a * b} comes first. So {a} x {b} + {c} = {a * b + c}."
        return [(ask(rng, "mixed_plus", a=a, b=b, c=c), answer)]
    answer = f"{b} x {c} = {b * c} comes first. So {a} + {b} x {c} = {a + b * c}."
    return [(ask(rng, "mixed", a=a, b=b, c=c), answer)]
