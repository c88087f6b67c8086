"""Task dialogues: the user wants something, the assistant asks for what is missing."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .orders import order, outside
from .wishes import fact, join, tidy, upper, value
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOML: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("errands.toml").read_text(encoding="utf-8")
)
_ERRANDS: dict[str, dict[str, Any]] = _TOML["errands"]
_SLOTS: dict[str, dict[str, Any]] = _TOML["slots"]
_FACTS: dict[str, dict[str, Any]] = _TOML["facts"]
_ELSE = "Is there anything else?"


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Yield task dialogues, none of which takes up a benchmark prompt."""
    made = 0
    while made < count:
        chance = rng.random()
        chat = _arrange(rng) if chance < 0.8 else order(rng) if chance < 0.93 else outside(rng)
        if not _held_out(chat):
            made += 1
            yield chat


def _plain(text: str) -> str:
    """Reduce a text to what is compared: small letters and single spaces, no marks."""
    return " ".join(re.sub(r"[^a-z0-9 ]", "", text.lower()).split())


def _held_out(chat: Chat) -> bool:
    said = [_plain(message["content"]) for message in chat if message["role"] == "user"]
    whole: list[str] = _TOML["held_out"]
    parts: list[str] = _TOML["held_out_subjects"]
    return any(text in whole or any(part in text for part in parts) for text in said)


def moment(wish: str) -> str:
    """Name a moment that fits a wish, as "3:20" to "after 3"."""
    when, clock = re.sub("^shortly ", "", wish).split(" ", 1)
    if when not in ("before", "after"):
        return clock
    figures = re.fullmatch(r"(\d+)( ?[ap]m|)", clock)
    if figures and when == "after":
        return f"{figures[1]}:20{figures[2]}"
    if figures and 1 < int(figures[1]) < 12:
        return f"{int(figures[1]) - 1}:50{figures[2]}"
    if clock.split()[0] in _TOML["hours"] and not clock.endswith("sharp"):
        minutes = "twenty past" if when == "after" else "ten to"
        return f"{minutes} {clock}".removesuffix(" o'clock")
    return f"ten minutes {when} {clock}"


class _Talk:
    """A dialogue under way: what is wanted, what of it is known, and what has been said."""

    def __init__(self, rng: random.Random, name: str) -> None:
        self.rng, self.name, self.errand = rng, name, _ERRANDS[name]
        self.kind: str = rng.choice(self.errand.get("kinds", [""]))
        extra = [slot for slot in self.errand.get("extra", []) if rng.random() < 0.25]
        self.wanted: list[str] = self.errand["slots"]
        self.values = {slot: value(rng, slot, name) for slot in self.wanted + extra}
        if " " in self.values.get("day", "").removeprefix("on "):
            # "On Friday morning at eleven in the evening" would contradict itself.
            hour = rng.choice(_TOML["hours"])
            self.values = {k: f"at {hour}" if k == "time" else v for k, v in self.values.items()}
        # What nobody has said is made up, but always the same for the same errand.
        self.facts = {
            kind: fact(random.Random(f"{name} {kind}"), kind)  # noqa: S311
            for kind in [*self.errand["facts"], "title"]
        }
        self.number = str(random.Random(name).randint(1000, 9999))  # noqa: S311
        books = "book" in self.errand["shall"]
        self.start: str = _TOML["pretend" if books else "pretend_plainly"]
        self.chat: Chat = []

    def say(self, text: str) -> None:
        """Let the assistant speak."""
        self.chat.append(assistant(upper(tidy(text))))

    def hear(self, text: str) -> None:
        """Let the user speak, as people type."""
        self.chat.append(user(typed(self.rng, upper(tidy(text)))))

    def bare(self, slot: str) -> str:
        """Take "at" or "on" off a value."""
        return re.sub("^(at|on) ", "", self.values[slot])

    def fill(self, template: str, user_side: bool = False) -> str:
        """Put what is known into a sentence."""
        known = dict.fromkeys(_SLOTS, "")
        for slot, wish in self.values.items():
            known[slot] = str(_SLOTS[slot]["say"]).format(wish)
            if slot == "tickets" and not user_side:
                known[slot] += " tickets"
        day = self.values.get("day", "")
        known["for_day"] = f"for {self.bare('day')}" if day else ""
        text = template.format(kind=self.kind, title=self.facts["title"], **known)
        # A title or a number may follow an article that was written for another word.
        return re.sub(r"\ba (?=[aeiouAEIOU](?!ne\b|ni))", "an ", text)

    def answer(self, slot: str) -> str:
        """Give one detail alone."""
        template = self.rng.choice(_SLOTS[slot]["answers"])
        return str(template).format(self.values[slot], bare=self.bare(slot))

    def fragment(self, slot: str) -> str:
        """Give one detail within a longer sentence."""
        template = self.rng.choice(_SLOTS[slot]["frags"])
        return str(template).format(self.values[slot])

    def open(self) -> set[str]:
        """Let the user begin; returns the details that have been given."""
        rng = self.rng
        direct = "direct" in self.errand and rng.random() < 0.55
        # Most say all at once: what has been said is never asked for.
        share = rng.choice([0.0, 0.5, 1.0, 1.0, 1.0, 1.0])
        noun = "" if direct else self.noun(share)
        given = {slot for slot in self.values if f"{{{slot}}}" in noun}
        frags = []
        for slot in self.values:
            # What the assistant never asks for has to be said at once.
            told = slot not in self.wanted or rng.random() < share
            # Who is to be reminded says of what, and who is to be woken says when.
            told = told or (direct and slot == self.wanted[0])
            if slot not in given and told and _SLOTS[slot]["frags"]:
                given.add(slot)
                frags.append(self.fragment(slot))
        if not direct and rng.random() < 0.3:
            rng.shuffle(frags)
        what = " ".join([self.fill(noun, user_side=True), *frags]).replace(" for at ", " for ")
        request = rng.choice(self.errand["direct"] if direct else _TOML["requests"])
        self.hear(request.format(verb=rng.choice(self.errand["verbs"]), x=what))
        for slot in set(self.values) - set(self.wanted) - given:
            del self.values[slot]
        return given

    def noun(self, share: float) -> str:
        """Name what is wanted, with its kind where all shall be said."""
        nouns: list[str] = self.errand["nouns"]
        bare = [f"{{{slot}}}" for slot in self.wanted if not _SLOTS[slot]["frags"]]
        full = [noun for noun in nouns if any(slot in noun for slot in bare)]
        return self.rng.choice(full if full and share == 1 else nouns)

    def ask(self, missing: list[str], first: bool) -> None:
        """Ask for what is missing, in fixed words."""
        start = self.start if first else "Thank you."
        self.say(f"{start} {self.question(missing)}")

    def question(self, missing: list[str]) -> str:
        """Make a question of what is missing."""
        asks = [str(_SLOTS[slot]["ask"]).format(show=self.kind) for slot in missing]
        question = upper(join(asks))
        # Questions that are sentences already take no tail.
        whole = missing[-1] in ("pickup", "trouble", "event")
        return f"{question}?" if whole else f"{question} {self.errand['tail']}?"

    def reply(self, missing: list[str]) -> list[str]:
        """Let the user give one or all of the missing details; returns the others."""
        rng = self.rng
        told = missing if rng.random() < 0.6 else rng.sample(missing, rng.randint(1, len(missing)))
        if len(told) == 1:
            self.hear(self.answer(told[0]))
        else:
            parts = [
                self.fragment(slot)
                if _SLOTS[slot]["frags"] and rng.random() < 0.6
                else self.answer(slot).rstrip(".?")
                for slot in told
            ]
            if all("," not in part for part in parts) and rng.random() < 0.6:
                self.hear(rng.choice([" ", ", "]).join(parts) + rng.choice([".", ", please.", "."]))
            else:
                self.hear(" ".join(upper(part) + "." for part in parts))
        return [slot for slot in missing if slot not in told]

    def confirm(self, start: str = "I have") -> None:
        """Repeat all details and ask whether they are right."""
        self.say(f"{start} {self.fill(self.errand['full'])}. {self.errand['shall']}")

    def inquire(self, end: str) -> None:
        """Let the user ask about the booking, and answer."""
        if self.errand["facts"]:
            self.tell(self.rng.choice(self.errand["facts"]), end)

    def tell(self, kind: str, end: str) -> None:
        """Let the user ask about one thing, and answer."""
        self.hear(self.rng.choice(_FACTS[kind]["ask"]))
        told = self.facts[kind]
        if kind in ("leave", "begin") and "time" in self.values:
            # What leaves or begins does so when the user wants it to.
            told = moment(self.values["time"])
        self.say(f"{_FACTS[kind]['say'].format(told)} {end}")

    def interrupt(self, missing: list[str]) -> None:
        """Let the user ask before everything is known; then what is missing is asked again."""
        timed = ("leave", "begin") if "time" in missing else ()
        kinds = [kind for kind in self.errand["facts"] if kind not in timed]
        if kinds:
            question = self.question(missing)
            self.tell("leave" if "leave" in kinds else self.rng.choice(kinds), question)

    def amend(self) -> None:
        """Let the user change a detail."""
        slots = [
            slot
            for slot in self.values
            if slot in ("people", "day", "time", "span", "nights", "to")
        ]
        # What nobody asks for may be added later.
        slots += [slot for slot in self.errand.get("extra", []) if slot in ("part", "food")]
        if slots:
            slot = self.rng.choice(slots)
            self.values[slot] = value(self.rng, slot, self.name)
            bare = self.fragment(slot) if slot in ("part", "food") else self.bare(slot)
            text = self.rng.choice([self.fragment(slot), bare, self.fragment(slot)])
            self.hear(self.rng.choice(_TOML["change"]).format(text))
            self.confirm("No problem. I have")

    def finish(self) -> None:
        """Book, and go on until the user has had enough."""
        rng = self.rng
        if rng.random() < 0.08:
            self.hear(rng.choice(_TOML["decline"]))
            self.say(f"All right, I have not done anything. {_ELSE}")
            self.errand = {**self.errand, "wish": "Have a nice day!"}
        else:
            self.hear(rng.choice(_TOML["agree"]))
            number = (
                f" Your booking number is {self.number}." if "book" in self.errand["shall"] else ""
            )
            self.say(f"Done! {self.fill(self.errand['done'])}{number} {_ELSE}")
            if rng.random() < 0.2:
                self.inquire(_ELSE)
            if number and rng.random() < 0.1:
                self.hear(rng.choice(_TOML["number_again"]))
                self.say(f"Your booking number is {self.number}. {_ELSE}")
            if rng.random() < 0.1:
                self.hear(rng.choice(_TOML["summary_again"]))
                self.say(f"You have {self.fill(self.errand['full'])}. {_ELSE}")
            if rng.random() < 0.12:
                self.hear(rng.choice(_TOML["cancel"]))
                self.say(f"No problem. {self.fill(self.errand['cancelled'])} {_ELSE}")
                self.errand = {**self.errand, "wish": "Have a nice day!"}
        if rng.random() < 0.6:
            self.hear(rng.choice(_TOML["goodbye"]))
            self.say(f"You are welcome! {self.errand['wish']}")


def _arrange(rng: random.Random) -> Chat:
    """Make a dialogue in which details are gathered, confirmed and booked."""
    (name,) = rng.choices(list(_ERRANDS), [one.get("weight", 1) for one in _ERRANDS.values()])
    talk = _Talk(rng, name)
    given = talk.open()
    missing = [slot for slot in talk.wanted if slot not in given]
    first = True
    while missing:
        talk.ask(missing, first)
        if rng.random() < (0.15 if name == "travel" else 0.04):
            talk.interrupt(missing)
        missing = talk.reply(missing)
        first = False
    start = f"{talk.start} I have" if first else "I have"
    talk.confirm(start)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        if rng.random() < 0.5:
            talk.inquire(talk.errand["shall"])
        else:
            talk.amend()
    if rng.random() < 0.85:
        talk.finish()
    return talk.chat
