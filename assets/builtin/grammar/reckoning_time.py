"""Questions about units, days, months, dates and times of day."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .reckoning_words import SAID, Turns, ask, in_words, ordinal
from .words import DAYS, MONTHS, NUMBERS

if TYPE_CHECKING:
    import random

_UNITS = tomllib.loads(Path(__file__).with_name("reckoning_time.toml").read_text(encoding="utf-8"))
_FEW = {
    "foot": "feet",
    "inch": "inches",
    "century": "centuries",
    **{unit: unit for unit in ("km", "m", "cm", "mm", "kg", "g", "l", "ml")},
}
_ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
]  # fmt: skip
_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def _listed(names: list[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


def _many(unit: str) -> str:
    return _FEW.get(unit, f"{unit}s")


def units(rng: random.Random) -> Turns:
    """Convert one unit into another that is so many times as small, or back."""
    if rng.random() < 0.25:
        large, small, factor_text = rng.choice(_UNITS["short"])
        many_large, many_small = large, small
    else:
        large, small, factor_text = rng.choice(_UNITS["units"] + 4 * _UNITS["common_units"])
        many_large, many_small = _many(large), _many(small)
    factor, n = int(factor_text), rng.randint(2, 20)
    if factor in (24, 60, 7, 12):
        n = rng.randint(2, 12)
    if rng.random() < 0.7:
        question = ask(rng, "convert", n=n, f=many_large, t=many_small)
        one, total = f"1 {large} is {factor:,} {many_small}", f"{n * factor:,} {many_small}"
        answer = f"{one}, so {n} {many_large} are {total}."
    else:
        question = ask(rng, "convert", n=n * factor, f=many_small, t=many_large)
        one, total = f"{factor:,} {many_small} are 1 {large}", f"{n * factor:,} {many_small}"
        answer = f"{one}, so {total} are {n} {many_large}."
    if rng.random() < 0.2:
        question = question.replace("metre", "meter").replace("litre", "liter")
    return [(question, answer)]


def hours_later(rng: random.Random) -> Turns:
    """Ask for the time so many hours after a full hour of the morning or the afternoon."""
    start, n = rng.randint(1, 20), rng.randint(2, 8)
    n = min(n, 23 - start)
    question = ask(rng, "hours_later", t=_half_day(rng, start), n=n)
    return [(question, f"{_half_day(None, start)} plus {n} hours is {_half_day(None, start + n)}.")]


def _half_day(rng: random.Random | None, hour: int) -> str:
    space = "" if rng and rng.random() < 0.4 else " "
    return f"{(hour - 1) % 12 + 1}{space}{'am' if hour < 12 else 'pm'}"


def degrees(rng: random.Random) -> Turns:
    """Convert round degrees, or inches."""
    if rng.random() < 0.3:
        n = rng.choice([2, 3, 4, 5, 10, 20, 50, 100])
        long = f"{254 * n / 100:g}"
        answer = f"1 inch is 2.54 centimetres, so {n} inches are {long} centimetres."
        return [(ask(rng, "inches", n=n), answer)]
    c = rng.randint(0, 20) * 5
    part = c * 9 // 5
    f = part + 32
    if rng.random() < 0.6:
        way = f"Multiply by 9, divide by 5 and add 32: {c} x 9 / 5 = {part} and {part} + 32 = {f}."
        end = f"So {c} degrees Celsius are {f} degrees Fahrenheit."
        return [(ask(rng, "fahrenheit", n=c), f"{way} {end}")]
    way = (
        f"Take away 32, multiply by 5 and divide by 9: {f} - 32 = {part} and {part} x 5 / 9 = {c}."
    )
    return [(ask(rng, "celsius", n=f), f"{way} So {f} degrees Fahrenheit are {c} degrees Celsius.")]


def days(rng: random.Random) -> Turns:
    """Ask which day comes when, or how far two days lie apart."""
    kind = rng.choice(
        ["next_day", "last_day", "in_days", "in_days", "days_ago", "until", "until", "days"]
    )
    i = rng.randrange(7)
    day, n = DAYS[i], rng.randint(2, 6)
    if kind == "days":
        lines = "\n".join(f"{k}. {name}" for k, name in enumerate(DAYS, 1))
        return [(ask(rng, kind), f"The seven days of the week are:\n\n{lines}")]
    if kind == "next_day":
        answer = f"The day after {day} is {DAYS[(i + 1) % 7]}."
    elif kind == "last_day":
        answer = f"The day before {day} is {DAYS[i - 1]}."
    elif kind == "days_ago":
        back = [DAYS[(i - k) % 7] for k in range(1, n + 1)]
        answer = (
            f"Going back from {day}: {_listed(back)}. So {n} days before {day} it is {back[-1]}."
        )
    else:
        on = [DAYS[(i + k) % 7] for k in range(1, n + 1)]
        way = f"After {day} come {_listed(on)}."
        if kind == "until":
            answer = f"{way} So it is {n} days from {day} to {on[-1]}."
            return [(ask(rng, kind, d=day, e=on[-1]), answer)]
        answer = f"{way} So {n} days after {day} it is {on[-1]}."
    shown = NUMBERS[n] if rng.random() < 0.4 else n
    turns = [(ask(rng, kind, d=day, n=shown), answer)]
    if kind in ("next_day", "last_day") and rng.random() < 0.4:
        other = DAYS[(i + n) % 7]
        step, word = (1, "after") if kind == "next_day" else (-1, "before")
        following = rng.choice([f"And {word} {other}?", f"And {other}?", f"What about {other}?"])
        j = (i + n + step) % 7
        turns.append((following, f"The day {word} {other} is {DAYS[j]}."))
    return turns


def months(rng: random.Random) -> Turns:
    """Ask about the months: their order, numbers and lengths."""
    kind = rng.choice(
        [
            *["months", "month_days", "month_days", "february_leap", "nth_month", "nth_month"],
            *["month_place", "next_month", "last_month", "in_months"],
        ]
    )
    i, n = rng.randrange(12), rng.randint(2, 6)
    month = MONTHS[i]
    if kind == "months":
        lines = "\n".join(f"{k}. {name}" for k, name in enumerate(MONTHS, 1))
        return [(ask(rng, kind), f"The twelve months in order are:\n\n{lines}")]
    if kind == "february_leap":
        answer = "In a leap year February has 29 days. In other years it has 28."
        return [(ask(rng, kind), answer)]
    place = _ORDINALS[i] if rng.random() < 0.5 else ordinal(i + 1)
    if kind == "month_days":
        answer = f"{month} has {_LENGTHS[i]} days."
        if i == 1:
            answer = "February has 28 days, and 29 days in a leap year."
    elif kind in ("nth_month", "month_place"):
        answer = f"{month} is the {_ORDINALS[i]} month of the year."
    elif kind == "next_month":
        answer = f"The month after {month} is {MONTHS[(i + 1) % 12]}."
    elif kind == "last_month":
        answer = f"The month before {month} is {MONTHS[i - 1]}."
    else:
        on = [MONTHS[(i + k) % 12] for k in range(1, n + 1)]
        answer = f"After {month} come {_listed(on)}. So {n} months after {month} it is {on[-1]}."
    turns = [(ask(rng, kind, m=month, n=place if kind == "nth_month" else n), answer)]
    if kind == "month_days" and rng.random() < 0.4:
        j = (i + n) % 12
        if j != 1:
            following = rng.choice([f"And {MONTHS[j]}?", f"What about {MONTHS[j]}?"])
            turns.append((following, f"{MONTHS[j]} has {_LENGTHS[j]} days."))
    return turns


def dates(rng: random.Random) -> Turns:
    """Ask for days between two dates, a date to come, leap years or what a year has."""
    kind = rng.choice(["date_until", "date_until", "date_in", "leap", "leap", "year"])
    if kind == "year":
        thing, count = rng.choice([("months", 12), ("weeks", 52), ("seasons", 4)])
        return [(ask(rng, kind, x=thing), f"A year has {count} {thing}.")]
    if kind == "leap":
        y = rng.randint(1990, 2060)
        if y % 4:
            answer = (
                f"{y} cannot be divided by 4. So {y} is not a leap year, and February has 28 days."
            )
        else:
            answer = f"{y} can be divided by 4. So {y} is a leap year, and February has 29 days."
        return [(ask(rng, kind, y=y), answer)]
    a, month = rng.randint(1, 20), rng.choice(MONTHS)
    b = rng.randint(a + 2, 28)
    if kind == "date_until":
        question = ask(rng, kind, a=ordinal(a), b=ordinal(b), m=month)
        return [(question, f"{b} - {a} = {b - a}. So it is {b - a} days.")]
    question = ask(rng, kind, a=ordinal(a), n=b - a, m=month)
    return [(question, f"{a} + {b - a} = {b}. So it is the {ordinal(b)} of {month}.")]


def _digits(minutes: int) -> str:
    return f"{minutes // 60 % 24}:{minutes % 60:02d}"


def _twelve(minutes: int) -> str:
    return f"{(minutes // 60 - 1) % 12 + 1}:{minutes % 60:02d}"


def spoken(minutes: int) -> str:
    """Say a time of day in words; the minutes must be a multiple of five."""
    hour, past = minutes // 60, minutes % 60
    now, following = NUMBERS[(hour - 1) % 12 + 1], NUMBERS[hour % 12 + 1]
    if not past:
        return f"{now} o'clock"
    if past in (15, 45):
        return f"a quarter past {now}" if past == 15 else f"a quarter to {following}"
    if past == 30:
        return f"half past {now}"
    return f"{in_words(past)} past {now}" if past < 30 else f"{in_words(60 - past)} to {following}"


def _span(hours: int, minutes: int, *, words: bool) -> str:
    texts = []
    for count, unit in ((hours, "hour"), (minutes, "minute")):
        if count:
            number = in_words(count) if words else str(count)
            texts.append(f"{number} {unit}{'s' if count > 1 else ''}")
    return " and ".join(texts)


def clock(rng: random.Random) -> Turns:
    """Reckon with times of day: what it is later, when a journey ends, how long things last."""
    kind = rng.choice(["later", "later", "earlier", "arrive", "arrive", "arrive", "lasts"])
    words = rng.random() < 0.5
    start = rng.randint(60, 12 * 60 + 55) // 5 * 5 if words else rng.randint(72, 250) * 5
    hours, past = rng.choice([0, 1, 1, 2, 2, 3, 4, 5]), rng.randrange(0, 60, 5)
    if kind == "earlier":
        hours = min(hours, 3)
    if not hours and not past:
        past = 35
    if start % 720 == 550 and (hours, past) == (2, 55):
        past = 45  # the very journey of a benchmark is not to be learned by heart
    show = _twelve if words else _digits
    step = -1 if kind == "earlier" else 1
    middle = start + step * 60 * hours
    end = middle + step * past
    steps = []
    word = "minus" if kind == "earlier" else "plus"
    if hours:
        steps.append(f"{show(start)} {word} {_span(hours, 0, words=False)} is {show(middle)}.")
    if past:
        steps.append(f"{show(middle)} {word} {_span(0, past, words=False)} is {show(end)}.")
    name = f"{spoken(end)}" if words else show(end)
    said = spoken(start) if words else _digits(start)
    if words and rng.random() < 0.3:
        said = said.replace("a quarter", "quarter")
    long = _span(hours, past, words=rng.random() < (0.8 if words else 0.2))
    if kind == "lasts":
        return _lasting(rng, start, end, words=words)
    vehicle = rng.choice(SAID["vehicles"])
    question = ask(rng, kind, t=said, n=long, v=vehicle)
    if kind == "arrive":
        return [(question, f"{' '.join(steps)} So the {vehicle} arrives at {name}.")]
    return [(question, f"{' '.join(steps)} So the time is {name}.")]


def _lasting(rng: random.Random, start: int, end: int, *, words: bool) -> Turns:
    show = spoken if words else _digits
    event = rng.choice(SAID["events"])
    question = ask(rng, "lasts", t=show(start), u=show(end), x=event)
    hours, past = divmod(end - start, 60)
    digits, middle = (_twelve if words else _digits), start + 60 * hours
    steps = []
    if hours:
        hour = _span(hours, 0, words=False)
        steps.append(f"From {digits(start)} to {digits(middle)} it is {hour}.")
    if past:
        minute = _span(0, past, words=False)
        steps.append(f"From {digits(middle)} to {digits(end)} it is {minute}.")
    if len(steps) > 1:
        steps.append(f"That is {_span(hours, past, words=False)}.")
    return [(question, " ".join(steps))]


def reading(rng: random.Random) -> Turns:
    """Turn a time in words into digits, or back."""
    minutes = rng.randint(60, 12 * 60 + 55) // 5 * 5
    if rng.random() < 0.3:
        minutes = rng.randint(13, 23) * 60
        part = "in the afternoon" if minutes < 18 * 60 else "in the evening"
        hour = NUMBERS[minutes // 60 - 12]
        question = ask(rng, "hour", t=_digits(minutes))
        return [(question, f"{_digits(minutes)} is {hour} o'clock {part}.")]
    if rng.random() < 0.5:
        said = spoken(minutes)
        return [(ask(rng, "spoken", w=said), f"{said.capitalize()} is {_twelve(minutes)}.")]
    question = ask(rng, "digital", t=_twelve(minutes))
    return [(question, f"{_twelve(minutes)} is {spoken(minutes)}.")]
