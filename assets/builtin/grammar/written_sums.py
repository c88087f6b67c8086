"""Sums and differences worked out digit by digit, as one writes them at school."""

from __future__ import annotations

_PLACES = ["Ones", "Tens", "Hundreds", "Thousands"]


def is_written(a: int, b: int) -> bool:
    """Tell whether a sum of two numbers is too large to be said at once."""
    return min(a, b) > 9 or max(a, b) > 99


def worked(a: int, sign: str, b: int) -> str:
    """Add or take away, place by place where the numbers are large."""
    if is_written(a, b):
        return added(a, b) if sign == "+" else taken_away(a, b)
    return f"{a} {sign} {b} = {a + b if sign == '+' else a - b}."


def added(a: int, b: int) -> str:
    """Add two numbers, place by place, from the ones up."""
    places = len(str(max(a, b)))
    carried, steps = 0, []
    for place in range(places):
        one, two = _digit(a, place), _digit(b, place)
        sum_ = one + two + carried
        step = f"{_PLACES[place]}: {one} + {two}{' + 1' if carried else ''} = {sum_}"
        carried = sum_ // 10
        if place < places - 1:
            step += f", write {sum_ % 10}{' carry 1' if carried else ''}"
        steps.append(f"{step}.")
    return f"{' '.join(steps)} So {a} + {b} = {a + b}."


def taken_away(a: int, b: int) -> str:
    """Take the smaller number away, place by place, from the ones up."""
    borrowed, steps = 0, []
    for place in range(len(str(a))):
        one, two = _digit(a, place), _digit(b, place)
        borrows = one - borrowed < two
        step = f"{_PLACES[place]}: {one + 10 * borrows}{' - 1' if borrowed else ''} - {two}"
        left = one + 10 * borrows - borrowed - two
        steps.append(f"{step} = {left}{', borrow 1' if borrows else ''}.")
        borrowed = int(borrows)
    return f"{' '.join(steps)} So {a} - {b} = {a - b}."


def _digit(number: int, place: int) -> int:
    return int(str(number)[-1 - place]) if place < len(str(number)) else 0
