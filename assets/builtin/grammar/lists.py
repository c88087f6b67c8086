"""Chats about lists: as many items of a topic as are asked for, and questions about them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import plans
from .words import CITIES, DAYS, MONTHS, NUMBERS, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("lists.toml").read_text(encoding="utf-8")
)
_TOPICS: list[tuple[list[str], list[str]]] = [
    (names.split(" | "), items) for names, items in (_DATA["topics"] | _DATA["common"]).items()
]
# What people ask for often has many names.
_WEIGHTS = [len(names) for names, _ in _TOPICS]
_MOST_WORDS = 3
# Fewer than their number are meant by some words.
_VAGUE = {"some": 5, "a few": 3, "a couple of": 2}
_SLOTS: dict[str, list[str]] = {**_DATA["slots"], "city": CITIES, "day": DAYS, "month": MONTHS}
_DEFAULT_COUNT = 5
# How "my sister" and "I" are called by the one who answers.
_YOURS = {"my": "your", "our": "your", "I": "you"}


def _ask(rng: random.Random, key: str, **words: str) -> str:
    text: str = rng.choice(_DATA[key]).format(**words)
    return typed(rng, text[:1].upper() + text[1:])


def _digits_or_word(rng: random.Random, number: int) -> str:
    return str(number) if rng.random() < 0.5 else NUMBERS[number]


def _filled(rng: random.Random, text: str) -> str:
    for slot in re.findall(r"{(\w+)}", text):
        text = text.replace(f"{{{slot}}}", rng.choice(_SLOTS[slot]))
    return text


def _yours(text: str) -> str:
    return re.sub(r"\b(my|our|I)\b", lambda match: _YOURS[match[0]], text)


def _lines(items: list[str], mark: str, first: int = 1) -> str:
    if mark == "-":
        return "\n".join(f"- {item}" for item in items)
    if mark == ",":
        return ", ".join(items)
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, first))


class _Talk:
    """A chat about one list, which knows the list as it stands."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.chat: Chat = []
        self.change_topic()

    def change_topic(self, most_words: int = 99) -> None:
        """Begin anew with another topic, whose name may have to be a short one."""
        names: list[str] = []
        while not names:
            found, pool = self.rng.choices(_TOPICS, _WEIGHTS)[0]
            names = [name for name in found if len(name.split()) <= most_words]
        self.first, self.pool = found[0], pool
        self.raw = self.rng.choice(names)
        self.name = _filled(self.rng, self.raw)
        self.what = _yours(self.name)
        self.mark = "1"
        self.items: list[str] = []

    def say(self, asked: str, answer: str) -> None:
        """Add a question and its answer."""
        self.chat += [user(asked), assistant(answer)]

    def begin(self) -> None:
        """Ask for the list."""
        rng = self.rng
        count = rng.choice([3, 4, 5, 5, 6, 6, 7, 8, 8, 9, 10, 10, 11, 12])
        count = min(count, len(self.pool))
        number = _digits_or_word(rng, count)
        if rng.random() < 0.2:
            number = rng.choice(list(_VAGUE))
            count = _VAGUE[number]
        key = rng.choices(["asks", "polite", "casual", "unnumbered"], [30, 20, 30, 20])[0]
        if key == "unnumbered":
            count = _DEFAULT_COUNT
        asked: str = rng.choice(_DATA[key])
        asked = asked.format(n=number, what=self.name)
        self.items = self.pool[:count]
        kind = rng.random()
        # Words after the sentence say how; half of the time they follow a comma.
        how = ""
        if kind < 0.2:
            how = rng.choice(_DATA["numbered"]).format(n=NUMBERS[count])
        elif kind < 0.32:
            how, self.mark = rng.choice(_DATA["bulleted"]), "-"
        elif kind < 0.4:
            how = rng.choice(_DATA["sorted"])
            self.items = sorted(self.items)
        elif kind < 0.44 and not any(sign in item for item in self.items for sign in ",:.?"):
            how, self.mark = rng.choice(_DATA["in_line"]), ","
        if how and asked.endswith(".") and not how.startswith((" Please", " That")):
            asked = (
                asked[:-1] + "," + how[:2].lower() + how[2:] if rng.random() < 0.6 else asked + how
            )
        elif how and asked[-1] not in ".?!":
            start = rng.choice([". ", ", ", " "])
            asked += start + (how[1:] if start == ". " else how[1].lower() + how[2:])
        else:
            asked += how
        asked = typed(rng, asked[:1].upper() + asked[1:])
        order = " in alphabetical order" if how in _DATA["sorted"] else ""
        answer = f"Here are {NUMBERS[count]} {self.what}{order}:\n\n{_lines(self.items, self.mark)}"
        self.say(asked, answer)

    def begin_naturally(self) -> bool:
        """Ask for the list without its name, where there is a way to."""
        rng = self.rng
        prefix = next((start for start in _DATA["natural"] if self.raw.startswith(start)), None)
        if self.first in _DATA["spoken"] and rng.random() < 0.7:
            self.name = self.first
            asked = rng.choice(_DATA["spoken"][self.first])
            if "{person}" in self.first:
                person = rng.choice(_SLOTS["person"])
                asked, self.name = asked.format(person=person), self.first.format(person=person)
            self.what = _yours(self.name)
        elif prefix:
            of = self.name.removeprefix(prefix.split("{")[0])
            asked = rng.choice(_DATA["natural"][prefix]).format(x=of)
        else:
            return False
        count = _DEFAULT_COUNT
        if rng.random() < 0.4:
            count = min(rng.randint(3, 12), len(self.pool))
            more: str = rng.choice(_DATA["how_many"]).format(n=_digits_or_word(rng, count))
            asked += ("" if asked[-1] in ".?!" else ".") + " " + more[:1].upper() + more[1:]
        self.items = self.pool[:count]
        answer = f"Here are {NUMBERS[count]} {self.what}:\n\n{_lines(self.items, self.mark)}"
        self.say(typed(rng, asked), answer)
        return True

    def begin_short(self, key: str) -> None:
        """Ask for a list by a short name, after another one."""
        self.change_topic(_MOST_WORDS)
        count = min(self.rng.randint(2, 6), len(self.pool))
        self.items = self.pool[:count]
        asked = _ask(self.rng, key, n=_digits_or_word(self.rng, count), what=self.name)
        self.say(asked, f"Here are {NUMBERS[count]} {self.what}:\n\n{self.lines()}")

    def begin_two(self) -> None:
        """Ask for two lists at once."""
        words: dict[str, str] = {}
        said: list[str] = []
        for end, start in (("", "Here"), ("2", "And here")):
            before = self.first
            while self.first == before:
                self.change_topic(_MOST_WORDS)
            count = min(self.rng.randint(2, 5), len(self.pool))
            self.items = self.pool[:count]
            words |= {f"n{end}": _digits_or_word(self.rng, count), f"what{end}": self.name}
            said.append(f"{start} are {NUMBERS[count]} {self.what}:\n\n{self.lines()}")
        self.say(_ask(self.rng, "two", **words), "\n\n".join(said))

    def more(self, count: int, asked: str) -> None:
        """Go on with the list, and with its numbers."""
        start = len(self.items)
        added = [item for item in self.pool if item not in self.items][:count]
        self.items += added
        noun = "Here is one more" if count == 1 else f"Here are {NUMBERS[count]} more"
        self.say(asked, f"{noun}:\n\n{_lines(added, self.mark, start + 1)}")

    def go_on(self) -> None:
        """Ask one more thing about the list."""
        rng, kind = self.rng, self.rng.random()
        left = len(self.pool) - len(self.items)
        if rng.random() < 0.4:
            self.go_on_briefly()
        elif kind < 0.35 and left:
            count = rng.randint(1, min(left, 4))
            number = _digits_or_word(rng, count)
            self.more(count, _ask(rng, "more", n=number))
        elif kind < 0.47 and len(self.items) > 3:
            count = rng.randint(2, len(self.items) - 1)
            self.items = self.items[:count]
            asked = _ask(rng, "shorten", n=_digits_or_word(rng, count))
            self.say(asked, f"Here are the first {NUMBERS[count]}:\n\n{self.lines()}")
        elif kind < 0.6 and self.items != sorted(self.items):
            self.items = sorted(self.items)
            asked = _ask(rng, "sort_it")
            self.say(asked, f"Here they are in alphabetical order:\n\n{self.lines()}")
        elif kind < 0.65 and not any(sign in item for item in self.items for sign in ",:.?"):
            self.mark = ","
            self.say(_ask(rng, "to_line"), f"Here they are in one line:\n\n{self.lines()}")
        elif kind < 0.72:
            key, how = ("to_bullets", "as bullet points")
            if self.mark == "-":
                key, how = ("to_numbers", "with numbers")
            self.mark = "1" if self.mark == "-" else "-"
            asked = _ask(rng, key)
            self.say(asked, f"Here is the list {how}:\n\n{self.lines()}")
        elif self.mark == "1" and len(self.items) > 2:
            place = rng.randint(1, len(self.items))
            item = self.items[place - 1]
            word = _digits_or_word(rng, place)
            if kind < 0.85:
                asked = _ask(rng, "drop", k=word)
                self.items = [other for other in self.items if other != item]
                self.pool = [other for other in self.pool if other != item]
                self.say(asked, f"Here is the list without number {place}:\n\n{self.lines()}")
            else:
                asked = _ask(rng, "pick", k=word)
                self.say(asked, f"Number {place} on the list is: {item}")

    def go_on_briefly(self) -> None:
        """Ask one more thing in a word or two."""
        rng, kind = self.rng, self.rng.random()
        left = len(self.pool) - len(self.items)
        if kind < 0.2 and left:
            self.more(1, _ask(rng, "one_more"))
        elif kind < 0.5 and left >= 3:
            self.more(3, _ask(rng, "three_more"))
        elif kind < 0.65 and len(self.items) > 3:
            self.items = self.items[:3]
            self.say(_ask(rng, "first_three"), f"Here are the first three:\n\n{self.lines()}")
        elif kind < 0.8:
            self.say(_ask(rng, "choose"), f"I would take the first one: {self.items[0]}")
        else:
            self.begin_short("then_other")

    def lines(self) -> str:
        """Write the list as it stands."""
        return _lines(self.items, self.mark)


def _topic(rng: random.Random) -> Chat:
    talk = _Talk(rng)
    if rng.random() < 0.08:
        talk.begin_two()
        return talk.chat
    if rng.random() >= 0.5 or not talk.begin_naturally():
        talk.begin()
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        talk.go_on()
    if rng.random() < 0.15:
        talk.say(_ask(rng, "thanks"), "You are welcome! Tell me if you need another list.")
    return talk.chat


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Yield chats in which lists, plans and tables are asked for and written."""
    for _ in range(count):
        yield _topic(rng) if rng.random() < 0.68 else plans.chat(rng)
