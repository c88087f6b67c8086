"""Chats about shopping lists, steps, plans, tables and series: the lists that have a form."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .outings import outing
from .words import DAYS, MONTHS, NAMES, NUMBERS, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("plans.toml").read_text(encoding="utf-8")
)


def _ask(rng: random.Random, key: str, **words: str) -> str:
    text: str = rng.choice(_DATA[key]).format(**words)
    return typed(rng, text[:1].upper() + text[1:])


def _pick(rng: random.Random, key: str) -> tuple[str, list[str]]:
    name: str = rng.choice(list(_DATA[key]))
    return name, list(_DATA[key][name])


def _bullets(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _numbers(items: list[str]) -> str:
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(rng: random.Random, items: list[str]) -> str:
    """Join items as people do: commas, an "and" before the last or not, or lines."""
    chance = rng.random()
    if chance < 0.2:
        return "\n\n" + "\n".join(items)
    if chance < 0.5:
        return ", ".join(items[:-1]) + " and " + items[-1]
    return ", ".join(items)


def _with_items(text: str, items: str) -> str:
    """Put items into a sentence; what would follow items on lines of their own is left out."""
    if not items.startswith("\n"):
        return text.format(items=items)
    before = text.split("{items}")[0].rstrip()
    return before.removesuffix(":") + ":" + items


def _thank(rng: random.Random, chat: Chat, answer: str) -> None:
    if rng.random() < 0.15:
        chat += [user(_ask(rng, "thanks")), assistant(answer)]


def _shopping(rng: random.Random) -> Chat:
    dish, items = _pick(rng, "shopping")
    chat = [
        user(_ask(rng, "ask_shopping", dish=dish, day=rng.choice(DAYS))),
        assistant(f"Here is a shopping list for {dish}:\n\n{_bullets(items)}"),
    ]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        if rng.random() < 0.6:
            item = rng.choice(_DATA["extras"])
            if _capital(item) in items:
                continue
            items.append(_capital(item))
            asked, said = _ask(rng, "ask_forgot", item=item), f"I have added {item}"
        else:
            gone = rng.choice(items)
            items.remove(gone)
            # Nobody repeats the amount: "250 g flour" is called "the flour".
            words = gone.split(" of ")[-1].split()
            noun = " ".join(words[1:] if words[0].isdigit() else words)
            noun = "the " + noun.removeprefix("g ").removeprefix("ml ").removeprefix("kg ").lower()
            asked, said = _ask(rng, "ask_have", item=noun), f"I have taken {noun} off the list"
        chat += [user(asked), assistant(f"{said}. Here is the new list:\n\n{_bullets(items)}")]
    _thank(rng, chat, "You are welcome! Enjoy your meal.")
    return chat


def _gerund(task: str) -> str:
    """Turn "make tea" into "making tea"."""
    verb, _, rest = task.partition(" ")
    doing = _DATA["gerunds"].get(verb) or f"{verb.removesuffix('e')}ing"
    return f"{doing} {rest}".strip()


def _steps(rng: random.Random) -> Chat:
    named, steps = _pick(rng, "steps")
    names = named.split(" | ")
    task = names[0]
    dishes = _DATA["recipes"].get(task)
    if dishes and rng.random() < 0.4:
        asked = _ask(rng, "ask_recipe", dish=rng.choice(dishes))
    else:
        name = rng.choice(names)
        asked = _ask(rng, "ask_steps", task=name, doing=_gerund(name))
    chat = [
        user(asked),
        assistant(f"Here is how to {task}, step by step:\n\n{_numbers(steps)}"),
    ]
    for _ in range(rng.choice([0, 0, 1, 2])):
        number = rng.randint(1, len(steps) - 1)
        word = str(number) if rng.random() < 0.5 else NUMBERS[number]
        if rng.random() < 0.5:
            asked, said = (
                _ask(rng, "ask_step_again", k=word),
                f"Step {number} is: {steps[number - 1]}",
            )
        else:
            asked, said = (
                _ask(rng, "ask_next", k=word),
                f"Next comes step {number + 1}: {steps[number]}",
            )
        chat += [user(asked), assistant(said)]
    _thank(rng, chat, "You are welcome! Good luck with it.")
    return chat


def _pros(rng: random.Random) -> Chat:
    what: str = rng.choice(list(_DATA["pros"]["for"]))
    good, bad = _DATA["pros"]["for"][what], _DATA["pros"]["against"][what]
    chat = [
        user(_ask(rng, "ask_pros", what=what)),
        assistant(
            f"Here are the pros and cons of {what}.\n\n**Pros**\n\n{_bullets(good)}\n\n"
            f"**Cons**\n\n{_bullets(bad)}\n\nWhat matters most to you?"
        ),
    ]
    if rng.random() < 0.4:
        point, side = rng.choice([(rng.choice(good), "for"), (rng.choice(bad), "against")])
        said = rng.choice(["{}.", "Mostly this: {}.", "I think: {}.", "That {} matters to me."])
        small = point[0].lower() + point[1:]
        asked = typed(rng, said.format(point if said.startswith("{") else small))
        chat += [user(asked), assistant(f"That is a good point. It speaks {side} {what}.")]
    _thank(rng, chat, "You are welcome! I hope that you decide well.")
    return chat


def _week(rng: random.Random) -> Chat:
    plan, items = _pick(rng, "weeks")
    asked: str = rng.choice(_DATA["ask_week"])
    first, last = (0, 6) if "{first}" not in asked else rng.choice([(0, 4), (0, 6), (1, 5), (0, 3)])
    asked = asked.format(plan=plan, first=DAYS[first], last=DAYS[last])
    week = dict(zip(DAYS[first : last + 1], items, strict=False))
    span = "for the week" if last - first == 6 else f"from {DAYS[first]} to {DAYS[last]}"

    def written() -> str:
        return _bullets([f"**{day}:** {item}" for day, item in week.items()])

    chat = [user(typed(rng, asked)), assistant(f"Here is a {plan} {span}:\n\n{written()}")]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        day = rng.choice(list(week))
        if rng.random() < 0.5:
            item = rng.choice(_DATA["activities"])
            week[day] = _capital(item)
            asked = _ask(rng, "ask_change", day=day, item=item)
            said = f"I have put {item} on {day}. Here is the new plan:\n\n{written()}"
        else:
            asked, said = _ask(rng, "ask_what_day", day=day), f"The plan for {day} is: {week[day]}."
        chat += [user(asked), assistant(said)]
    _thank(rng, chat, "You are welcome! Have a good week.")
    return chat


def _schedule(rng: random.Random) -> Chat:
    kind, items = _pick(rng, "schedules")
    asked: str = rng.choice(_DATA["ask_day"])
    start, half = (8, 0) if "{time}" not in asked else (rng.randint(6, 11), rng.choice([0, 0, 30]))
    asked = asked.format(
        kind=kind, time=rng.choice([f"{start}:{half:02}", f"{start}:{half:02} am"])
    )

    def written(first: int) -> str:
        return _bullets([f"{first + hour}:{half:02} - {item}" for hour, item in enumerate(items)])

    chat = [
        user(typed(rng, asked)),
        assistant(f"Here is a schedule for {kind}:\n\n{written(start)}"),
    ]
    if rng.random() < 0.4:
        said = f"Here is the schedule, one hour later:\n\n{written(start + 1)}"
        chat += [user(_ask(rng, "ask_later")), assistant(said)]
    _thank(rng, chat, "You are welcome! Have a good day.")
    return chat


def _checklist(rng: random.Random) -> Chat:
    what, items = _pick(rng, "checklists")
    asked = _ask(rng, "ask_check", what=what)
    opening = f"Here is a checklist for {what}"
    if asked.lower().startswith("turn this") or rng.random() < 0.3:
        name = rng.choice(NAMES)
        items = rng.sample(_DATA["chores"], rng.randint(3, 7))
        items = [item.format(name=name) for item in items]
        asked = _with_items(rng.choice(_DATA["ask_own_check"]), _joined(rng, items))
        opening, items = "Here is your checklist", [_capital(item) for item in items]
    done = 0

    def written() -> str:
        return "\n".join(f"- [{'x' if k < done else ' '}] {item}" for k, item in enumerate(items))

    chat = [user(asked), assistant(f"{opening}:\n\n{written()}")]
    if rng.random() < 0.4:
        done = rng.randint(2, len(items) - 1)
        asked = _ask(rng, "ask_done", n=rng.choice([str(done), NUMBERS[done]]))
        left = len(items) - done
        said = f"Well done! Only {NUMBERS[left]} left:\n\n{written()}"
        chat += [user(asked), assistant(said)]
    _thank(rng, chat, "You are welcome! Good luck with everything.")
    return chat


def _table(rng: random.Random) -> Chat:
    people = rng.random() < 0.35
    pool = NAMES if people else [_capital(thing) for thing in _DATA["things"]]
    left, right = rng.choice(_DATA["person_columns" if people else "columns"])
    most = rng.choice([12, 99])
    rows = {thing: rng.randint(1, most) for thing in rng.sample(pool, rng.randint(3, 7))}
    form = rng.choice(["{} {}", "{}: {}", "{} = {}", "{} - {}"])
    if people:
        form = rng.choice(["{} {}", "{}: {}", "{} has {}"])
    pairs = ", ".join(form.format(thing, number) for thing, number in rows.items())
    pairs = pairs if people or rng.random() < 0.3 else pairs.lower()
    asked: str = rng.choice(_DATA["ask_table"])
    # Where the columns are not named, the table calls them by their usual names.
    if "{a}" not in asked:
        left, right = ("name", "number") if people else ("item", "number")
    body = "\n".join(f"| {thing} | {number} |" for thing, number in rows.items())
    head = f"| {_capital(left)} | {_capital(right)} |\n| --- | --- |"
    chat = [
        user(asked.format(a=left, b=right, pairs=pairs)),
        assistant(f"Here is the table:\n\n{head}\n{body}"),
    ]
    total = sum(rows.values())
    # Larger sums are beyond a model this small.
    if total <= 60 and rng.random() < 0.6:
        row = f"| **Sum** | {total} |"
        said = f"The sum is {total}. Here is the table with it:\n\n{head}\n{body}\n{row}"
        chat += [user(_ask(rng, "ask_total")), assistant(said)]
    _thank(rng, chat, "You are welcome! Tell me if you need another table.")
    return chat


def _own_items(rng: random.Random) -> Chat:
    """List what the user names: numbered, with dashes or sorted."""
    key = rng.choice(["ask_number", "ask_bullets", "ask_sort"])
    kind = rng.choice(["things", "things", "chores", "names"])
    if kind == "names":
        items = rng.sample(NAMES, rng.randint(3, 9))
    else:
        items = rng.sample(_DATA[kind], rng.randint(3, 9 if kind == "things" else 6))
        items = [item.format(name=rng.choice(NAMES)) for item in items]
    asked = _with_items(rng.choice(_DATA[key]), _joined(rng, items))
    if key == "ask_sort":
        said = ("\n" if "\n" in asked else ", ").join(sorted(items, key=str.lower))
    else:
        said = _bullets(items) if key == "ask_bullets" else _numbers(items)
    chat = [user(asked), assistant(said)]
    _thank(rng, chat, "You are welcome! Tell me if you need another list.")
    return chat


def _span(rng: random.Random) -> tuple[str, list[str]]:
    """Name a part of a series: numbers, letters, months or days from one to another."""
    kind = rng.random()
    if kind < 0.35:
        first, step = rng.randint(1, 40), rng.choice([1, 1, 1, 2, 5, 10])
        numbers = [str(first + step * k) for k in range(rng.randint(4, 12))]
        by = "" if step == 1 else f" in steps of {NUMBERS[step]}"
        if rng.random() < 0.25:
            numbers.reverse()
        return f"the numbers from {numbers[0]} to {numbers[-1]}{by}", numbers
    if kind < 0.5:
        number, last = rng.randint(2, 12), rng.randint(5, 12)
        return f"the first {NUMBERS[last]} multiples of {number}", [
            str(number * k) for k in range(1, last + 1)
        ]
    names = MONTHS if kind < 0.65 else DAYS
    if kind > 0.8:
        names = [chr(ord("A") + k) for k in range(26)]
    first = rng.randint(0, len(names) - 4)
    last = rng.randint(first + 2, min(len(names) - 1, first + 10))
    word = (
        "the letters from" if kind > 0.8 else "the months from" if kind < 0.65 else "the days from"
    )
    return f"{word} {names[first]} to {names[last]}", names[first : last + 1]


def _series(rng: random.Random) -> Chat:
    what, items = _pick(rng, "series") if rng.random() < 0.5 else _span(rng)
    asked = _ask(rng, "ask_series", what=what)
    how, said = "", f"Here are {what}:"
    chance = rng.random()
    if chance < 0.15:
        how, items = rng.choice([" backwards", " in reverse order"]), items[::-1]
        said = f"Here are {what} in reverse order:"
    bulleted = chance > 0.85
    if bulleted:
        how = rng.choice([" as bullet points", " with dashes"])
    elif chance > 0.65:
        how = rng.choice(
            [" as a numbered list", ", one on each line", ", each on a line", ", numbered"]
        )
    end = asked[-1] if asked[-1] in ".?" else ""
    asked = asked.removesuffix(end) + how + end
    chat = [user(asked), assistant(f"{said}\n\n{_bullets(items) if bulleted else _numbers(items)}")]
    _thank(rng, chat, "You are welcome! Tell me if you need another list.")
    return chat


_KINDS = [
    _shopping,
    _steps,
    _steps,
    _pros,
    _week,
    _schedule,
    _checklist,
    _table,
    _own_items,
    _own_items,
    outing,
    outing,
    _series,
]


def chat(rng: random.Random) -> Chat:
    """Make one chat about a list that has a form."""
    return rng.choice(_KINDS)(rng)
