"""Questions about numbers alone: sums, halves, lists, counting and ways of writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reckoning_words import SAID, Turns, ask, ask_in_words, in_words, roman
from .written_sums import is_written, worked

if TYPE_CHECKING:
    import random


def _solve(a: int, sign: str, b: int, *, short: bool = False) -> str:
    """Work out a sum; large ones place by place, so that each step is easy."""
    total = {"+": a + b, "-": a - b, "x": a * b}[sign]
    whole = f"{a} {sign} {b} = {total}."
    if short or (sign == "x" and 0 in (a, b)):
        return whole
    if sign != "x":
        return worked(a, sign, b)
    if sign == "x" and a > 12 and a % 10 and b < 10:
        high, low = a // 10 * 10, a % 10
        return f"{high} x {b} = {high * b} and {low} x {b} = {low * b}. So {whole}"
    if sign == "x" and 10 < b < 20 and a > 10 and (a, b) != (12, 12):
        return f"{a} x 10 = {a * 10} and {a} x {b - 10} = {a * (b - 10)}. So {whole}"
    return whole


def _steps(a: int, sign: str, b: int) -> str:
    """Explain a sum: a large one as it is worked out anyway, a small one the other way round."""
    back = {"+": f"{a + b} - {b} = {a}", "-": f"{a - b} + {b} = {a}"}
    if sign in back and not is_written(a, b):
        return f"You can check it the other way round: {back[sign]}. So {_solve(a, sign, b)}"
    if sign == "x" and a < 13 and b < 13:
        times = " + ".join([str(a)] * b) if b > 1 else f"{b} x {a}"
        return f"{a} x {b} is the same as {times}. So {a} x {b} = {a * b}."
    return _solve(a, sign, b)


def _large(rng: random.Random) -> int:
    """Draw a number of three digits, now and then a round one or one of another length."""
    chance = rng.random()
    if chance < 0.74:
        return rng.randint(100, 999)
    if chance < 0.84:
        return rng.randint(1, 9) * 100 + rng.choice([0, 0, 25, 50, 75, 99, 1])
    if chance < 0.94:
        return rng.randint(1, 99)
    return rng.randint(1000, 9999) if rng.random() < 0.7 else rng.choice([1000, 2000, 5000])


def _draw(rng: random.Random) -> tuple[int, str, int]:
    sign = rng.choices("+-x", [40, 34, 26])[0]
    if sign == "x":
        chance = rng.random()
        if chance < 0.68:
            return rng.randint(1, 12), sign, rng.randint(1, 12)
        if chance < 0.8:
            return rng.randint(11, 19), sign, rng.randint(11, 19)
        return rng.randint(13, 99), sign, rng.randint(2, 9)
    if rng.random() < 0.5:
        a, b = _large(rng), _large(rng)
    else:
        high = 20 if rng.random() < 0.3 else 99
        a, b = rng.randint(0, high), rng.randint(0, high)
    return (max(a, b), sign, min(a, b)) if sign == "-" else (a, sign, b)


def _sum_asked(rng: random.Random, a: int, sign: str, b: int) -> str:
    kind = {"+": "add", "-": "subtract", "x": "times"}[sign]
    if max(a, b) < 100 and rng.random() < 0.12:
        return ask_in_words(rng, kind, a=a, b=b)
    return ask(rng, kind, a=a, b=b)


def _then(rng: random.Random, result: int) -> tuple[str, str, int]:
    """Go on with the result of the sum before."""
    kinds = ["then_plus", "then_times", "then_double"]
    kinds += ["then_half"] * (result % 2 == 0) + ["then_minus"] * (result > 1)
    kind = rng.choice(kinds)
    b = rng.randint(1, min(result, 20)) if kind == "then_minus" else rng.randint(2, 9)
    question = ask(rng, kind, b=b)
    if kind == "then_half":
        return question, f"{result} / 2 = {result // 2}.", result // 2
    if kind == "then_double":
        return question, _solve(result, "x", 2), result * 2
    sign = {"then_plus": "+", "then_minus": "-", "then_times": "x"}[kind]
    total = {"+": result + b, "-": result - b, "x": result * b}[sign]
    return question, _solve(result, sign, b), total


def sums(rng: random.Random) -> Turns:
    """Ask for a sum, perhaps how it is done, and perhaps go on from there."""
    a, sign, b = _draw(rng)
    question = _sum_asked(rng, a, sign, b)
    chance = rng.random()
    if chance < 0.1 and (sign == "x" or not is_written(a, b)):
        return [(question + rng.choice(SAID["only"]), _solve(a, sign, b, short=True))]
    if chance < 0.25:
        return [(question + rng.choice(SAID["steps"]), _steps(a, sign, b))]
    turns = [(question, _solve(a, sign, b))]
    if chance < 0.32:
        return [*turns, (ask(rng, "how_so"), _steps(a, sign, b))]
    if chance < 0.38:
        return [*turns, (ask(rng, "sure"), f"Yes, {_solve(a, sign, b, short=True)}")]
    if chance < 0.55:
        result = {"+": a + b, "-": a - b, "x": a * b}[sign]
        while result < 100 and rng.random() < 0.7 and len(turns) < 4:
            following, answer, result = _then(rng, result)
            turns.append((following, answer))
    elif chance < 0.7:
        a, sign, b = _draw(rng)
        bare = rng.choice(["And {}?", "What about {}?", "And what is {}?", "Now {}.", "{}?"])
        turns.append((bare.format(f"{a} {sign} {b}"), _solve(a, sign, b)))
    return turns


def drill(rng: random.Random) -> Turns:
    """Ask for one sum after the other, as somebody who tries out what a model can do."""
    turns: Turns = []
    for _ in range(rng.randint(3, 6)):
        large = rng.random() < 0.55
        a, b = (_large(rng), _large(rng)) if large else (rng.randint(10, 99), rng.randint(2, 99))
        sign = rng.choice("++-")
        a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
        phrase = rng.choice(["add" if sign == "+" else "subtract", "bare"])
        question = f"{a} {sign} {b}" if phrase == "bare" else ask(rng, phrase, a=a, b=b)
        turns.append((question, _solve(a, sign, b)))
    return turns


def division(rng: random.Random) -> Turns:
    """Divide small numbers, now and then with a rest."""
    b, result = rng.randint(2, 12), rng.randint(1, 12)
    rest = rng.randint(1, b - 1) if rng.random() < 0.15 else 0
    if rng.random() < 0.15:
        b, result, rest = rng.choice([2, 4, 5, 10]), rng.choice([10, 15, 20, 25, 50, 100]), 0
    a = b * result + rest
    over = f" with {rest} left over" if rest else ""
    answer = f"{a} / {b} = {result}{over}, because {result} x {b} = {result * b}."
    question = ask(rng, "divide", a=a, b=b)
    if a < 100 and rng.random() < 0.1:
        question = ask_in_words(rng, "divide", a=a, b=b)
    return [(question, answer)]


def check(rng: random.Random) -> Turns:
    """Ask whether a sum is right."""
    a, sign, b = _draw(rng)
    result = {"+": a + b, "-": a - b, "x": a * b}[sign]
    said = result if rng.random() < 0.5 else max(0, result + rng.choice([-10, -2, -1, 1, 2, 10]))
    question = ask(rng, "check", sum=f"{a} {sign} {b}", r=said)
    verdict = "Yes, that is right." if said == result else "No, that is not right."
    return [(question, f"{_solve(a, sign, b)} {verdict}")]


# What the user is asked, always in this order.
_QUIZ = [(7, "x", 8), (9, "+", 6), (12, "x", 4), (15, "+", 17)]


def quiz(rng: random.Random) -> Turns:
    """Let the user be asked sums and answer them."""
    turns: Turns = []
    question, reply = ask(rng, "quiz"), ""
    for a, sign, b in _QUIZ[: rng.randint(1, len(_QUIZ))]:
        result = a + b if sign == "+" else a * b
        turns.append((question, f"{reply}What is {a} {sign} {b}?"))
        said = result if rng.random() < 0.7 else result + rng.choice([-2, -1, 1, 2, 10])
        verdict = "That is right!" if said == result else "Not quite."
        turns.append((ask(rng, "quiz_reply", r=said), f"{verdict} {a} {sign} {b} = {result}."))
        question, reply = ask(rng, "quiz_more"), "Here is the next one. "
    return turns


def parts(rng: random.Random) -> Turns:
    """Ask for twice a number, half of it, its square or a part of it."""
    kind = rng.choice(["double", "half", "square", "part", "half", "double"])
    a = rng.randint(1, 60) if rng.random() < 0.7 else rng.randint(6, 50) * 10
    if kind == "double":
        return [(ask(rng, kind, a=a), f"Twice {a} is {2 * a}.")]
    if kind == "half":
        return [(ask(rng, kind, a=2 * a), f"Half of {2 * a} is {a}.")]
    if kind == "square":
        a = rng.randint(1, 12)
        return [(ask(rng, kind, a=a), f"{a} squared is {a} x {a} = {a * a}.")]
    if rng.random() < 0.4:
        size, n = rng.randint(3, 10), rng.randint(1, 12)
        m = rng.randint(2, size - 1)
        way = f"{n * size} / {size} = {n} and {m} x {n} = {m * n}."
        question = ask(rng, "fraction", a=n * size, m=m, s=size)
        return [(question, f"{way} So {m}/{size} of {n * size} is {m * n}.")]
    name, size = rng.choice([("third", 3), ("quarter", 4), ("fifth", 5), ("tenth", 10)])
    a = rng.randint(1, 20)
    answer = f"A {name} of {a * size} is {a * size} / {size} = {a}."
    return [(ask(rng, kind, a=a * size, p=name), answer)]


def percent(rng: random.Random) -> Turns:
    """Ask for a round percentage of a round number."""
    p = rng.choice([5, 10, 10, 15, 15, 20, 20, 20, 25, 25, 30, 40, 50, 50, 60, 70, 75, 80, 90, 100])
    step = 20 if p in (5, 15, 25, 75) else 10
    a = rng.randint(1, 50) * step if rng.random() < 0.7 else rng.choice([20, 40, 60, 80, 100, 200])
    result, tenth = a * p // 100, a // 10
    end = f"So {p}% of {a} is {result}."
    if p == 100:
        way = "100% is the whole."
    elif p == 50:
        way = f"50% is one half, and {a} / 2 = {result}."
    elif p == 25:
        way = f"25% is one quarter, and {a} / 4 = {result}."
    elif p == 75:
        way = f"25% of {a} is {a // 4}, and 3 x {a // 4} = {result}."
    elif p == 5:
        way = f"10% of {a} is {tenth}, and half of that is {result}."
    elif p == 15:
        half = tenth // 2
        way = f"10% of {a} is {tenth}, half of that is {half}, and {tenth} + {half} = {result}."
    elif p == 10:
        way = f"10% is one tenth, and {a} / 10 = {result}."
    else:
        way = f"10% of {a} is {tenth}, and {p // 10} x {tenth} = {result}."
    return [(ask(rng, "percent", p=p, a=a), f"{way} {end}")]


def compare(rng: random.Random) -> Turns:
    """Ask which of two numbers is larger or smaller."""
    high = rng.choice([20, 100, 100, 1000])
    a, b = rng.sample(range(high), 2)
    if rng.random() < 0.6:
        return [(ask(rng, "larger", a=a, b=b), f"{max(a, b)} is larger than {min(a, b)}.")]
    return [(ask(rng, "smaller", a=a, b=b), f"{min(a, b)} is smaller than {max(a, b)}.")]


def parity(rng: random.Random) -> Turns:
    """Ask whether a number is even."""
    a = rng.randint(0, 200)
    return [
        (
            ask(rng, "parity", a=a),
            f"{a} is {'odd' if a % 2 else 'even'}, since it ends in {a % 10}.",
        )
    ]


def lists(rng: random.Random) -> Turns:
    """Sort numbers, add them up or find the largest or smallest."""
    numbers = rng.sample(range(1, rng.choice([20, 50, 100])), rng.randint(3, 7))
    kind = rng.choice(["sort_up", "sort_down", "largest", "smallest", "sum_list", "sum_list"])
    if kind == "sum_list":
        high = rng.choice([10, 20, 60])
        numbers = [rng.randint(1, high) for _ in range(rng.randint(3, 4))]
    comma = rng.choice([", ", ", ", " "]) if kind in ("sort_up", "sort_down") else ", "
    if kind == "sum_list" and rng.random() < 0.4:
        comma = " + "
    shown = comma.join(map(str, numbers))
    if comma == ", " and rng.random() < 0.3:
        shown = " and ".join(shown.rsplit(", ", 1))
    question = ask(rng, "sum_chain" if comma == " + " else kind, l=shown)
    if kind == "sum_list":
        total, way = numbers[0], []
        for number in numbers[1:]:
            way.append(worked(total, "+", number))
            total += number
        return [(question, f"{' '.join(way)} The sum is {total}.")]
    if kind in ("largest", "smallest"):
        found = max(numbers) if kind == "largest" else min(numbers)
        return [(question, f"The {kind} number is {found}.")]
    ordered = ", ".join(map(str, sorted(numbers, reverse=kind == "sort_down")))
    turns = [(question, f"In order: {ordered}.")]
    if rng.random() < 0.2:
        turns.append(("And which is the largest?", f"The largest number is {max(numbers)}."))
    return turns


def counting(rng: random.Random) -> Turns:
    """Count up, down or in steps, or name the number before or after."""
    kind = rng.choice(["count_up", "count_up", "count_down", "count_by", "after", "ahead"])
    if kind in ("after", "ahead"):
        a = rng.randint(1, 999 if rng.random() < 0.3 else 120)
        if kind == "after":
            return [(ask(rng, kind, a=a), f"After {a} comes {a + 1}.")]
        return [(ask(rng, kind, a=a), f"Before {a} comes {a - 1}.")]
    if kind == "count_by":
        s = rng.choice([2, 3, 4, 5, 10, 20, 100])
        a = rng.choice([0, s, s, 1 if s == 2 else 2 * s])
        b = a + s * rng.randint(4, 12)
        return [(ask(rng, kind, a=a, b=b, s=s), f"{', '.join(map(str, range(a, b + 1, s)))}.")]
    a = rng.choice([1, 1, 1, rng.randint(0, 60)])
    b = a + rng.randint(4, 20)
    numbers = list(range(a, b + 1))
    if kind == "count_down":
        numbers.reverse()
    return [(ask(rng, kind, a=a, b=b), f"{', '.join(map(str, numbers))}.")]


def writing(rng: random.Random) -> Turns:
    """Turn numbers into words or Roman numerals and back."""
    kind = rng.choice(["to_roman", "from_roman", "to_words", "from_words"])
    a = rng.randint(1, 20) if "roman" in kind else rng.randint(0, 99)
    question = ask(rng, kind, a=a, r=roman(a), w=in_words(a))
    if kind == "to_roman":
        return [(question, f"{a} is {roman(a)} in Roman numerals.")]
    if kind == "from_roman":
        return [(question, f"The Roman numeral {roman(a)} is {a}.")]
    if kind == "to_words":
        return [(question, f"{a} in words is {in_words(a)}.")]
    return [(question, f"{in_words(a).capitalize()} is {a}.")]


def rounded(rng: random.Random) -> Turns:
    """Round a number to tens or hundreds."""
    size, name = rng.choice([(10, "ten"), (100, "hundred")])
    a = rng.randint(size + 1, 999)
    low = a // size * size
    near, far = (low, low + size) if a - low < size // 2 else (low + size, low)
    if a % size in (0, size // 2):
        return rounded(rng)
    return [
        (
            ask(rng, "round", a=a, p=name),
            f"{a} is nearer to {near} than to {far}. So {a} rounds to {near}.",
        )
    ]


_PRIMES = [n for n in range(2, 100) if all(n % k for k in range(2, n))]


def prime(rng: random.Random) -> Turns:
    """Ask whether a number below one hundred is prime; mostly for a small one or a prime."""
    a = rng.choice([rng.randint(2, 30), rng.randint(2, 99), rng.choice(_PRIMES)])
    divisor = next((k for k in range(2, a) if a % k == 0), 0)
    no = f"No, {a} is not a prime number, because {divisor} x {a // (divisor or 1)} = {a}."
    yes = f"Yes, {a} is a prime number: only 1 and {a} divide it."
    return [(ask(rng, "prime", a=a), no if divisor else yes)]


def root(rng: random.Random) -> Turns:
    """Ask for the square root of a square."""
    a = rng.randint(1, 12)
    answer = f"The square root of {a * a} is {a}, because {a} x {a} = {a * a}."
    return [(ask(rng, "root", a=a * a), answer)]


def table(rng: random.Random) -> Turns:
    """Write a times table."""
    a = rng.randint(1, 12)
    lines = "\n".join(f"{n} x {a} = {n * a}" for n in range(1, 11))
    return [(ask(rng, "table", a=a), f"Here is the times table of {a}:\n\n```text\n{lines}\n```")]
