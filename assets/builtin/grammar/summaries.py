"""Small texts, reports, notices and conversations together with their summaries."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import CITIES, NAMES, Chat, assistant, user

if TYPE_CHECKING:
    import random

_TOML: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("summaries.toml").read_text(encoding="utf-8")
)
_WORDS: dict[str, list[str]] = {
    **_TOML["words"],
    "name": NAMES,
    "city": CITIES,
}
# The same list under other names; "_cap" and "_low" speak of the first letter.
_ENDINGS = re.compile(r"(\d|b)?(_cap|_low|_for|_the|_you)?$")


def upper(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def article(text: str) -> str:
    """Write "an" where a slot brought a vowel after "a"."""
    return re.sub(r"\b([Aa]) (?=hour|(?!uni|use|one|eu)[aeiou])", r"\1n ", text)


class _Words:
    """The words of one text: each slot is drawn once, and no two slots alike."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.drawn = rng, dict[str, str]()

    def draw(self, slot: str) -> str:
        """Give the word of a slot."""
        ending = _ENDINGS.search(slot)
        form = (ending and ending[2]) or ""
        key = slot.removesuffix(form).lower()
        pool = _WORDS[key] if key in _WORDS else _WORDS[re.sub(r"(\d|b)$", "", key)]
        if key not in self.drawn:
            free = [word for word in pool if word not in self.drawn.values()]
            self.drawn[key] = self.rng.choice(free)
        word = self.drawn[key]
        if form == "_low":
            return word[:1].lower() + word[1:]
        if form == "_you":
            return word.replace("my ", "a ")
        return upper(word) if slot[0].isupper() else word

    def fill(self, template: str) -> str:
        """Put words into a template."""
        return article(re.sub(r"\{(\w+)\}", lambda match: self.draw(match[1]), template))


def instruct(rng: random.Random, phrases: list[str], text: str) -> dict[str, str]:
    """Join an instruction and the text it speaks of, as users do."""
    phrase = rng.choice(phrases)
    chance = rng.random()
    if chance < 0.25:
        phrase = phrase.rstrip(".:") + ("" if phrase.endswith("?") else ":")
    elif chance < 0.35:
        phrase = phrase[:1].lower() + phrase[1:]
    if rng.random() < 0.08 and "following" not in phrase:
        return user(f"{text}\n\n{phrase.replace(':', '.')}")
    return user(f"{phrase}{rng.choice([chr(10) * 2] * 4 + [chr(10), ' ', ' ', ' '])}{text}")


def beside(rng: random.Random, phrases: list[str], text: str) -> dict[str, str]:
    """Join an instruction and a short text, most often on one line, as users type them."""
    if len(text) > 160 or rng.random() < 0.25:
        return instruct(rng, phrases, text)
    phrase = rng.choice(phrases)
    if rng.random() < 0.25:
        phrase = phrase[:1].lower() + phrase[1:]
    mark = "" if phrase.endswith("?") else ":"
    shown = f'"{text}"' if rng.random() < 0.15 else text
    return user(f"{phrase.rstrip('.:')}{mark} {shown}")


def _summary(rng: random.Random) -> Chat:
    genre = rng.choice(list(_TOML["texts"].values()))
    words = _Words(rng)
    at, then = rng.randrange(len(genre["main"])), rng.randrange(len(genre["next"]))
    main = upper(words.fill(genre["main"][at]))
    after = upper(words.fill(genre["next"][then]))
    rest = [words.fill(one) for one in rng.sample(genre["rest"], rng.choice([1, 2, 3, 3, 4]))]
    rest = [upper(one) for one in rest]
    greeting = words.fill(rng.choice(genre.get("greeting", [""])))
    begin = main
    if greeting.endswith(", ") and not main.startswith("I "):
        begin = main[:1].lower() + main[1:]
    text = f"{greeting}{begin} {after} {' '.join(rest)}"
    said = words.fill(genre["said"][at]) if "said" in genre else main
    said_next = words.fill(genre["said_next"][then]) if "said_next" in genre else after
    title = upper(words.fill(genre["title"]))
    answers = {
        "one": said,
        "two": f"{said} {said_next}",
        "title": f"**{title}**\n\n{said}",
        "only_title": f"**{title}**",
        "points": "\n".join(f"{n}. {one}" for n, one in enumerate([said, said_next, rest[0]], 1)),
        "own": f"The text is about {words.fill(genre['about'])}. In short: {said} {said_next}",
    }
    kinds = rng.sample(list(answers), 3)
    kind = rng.choices(kinds, [0.3 if one == "only_title" else 1.0 for one in kinds])[0]
    chat = [instruct(rng, _TOML[kind], text), assistant(answers[kind])]
    # A second question about the same text: nothing has to be repeated.
    if rng.random() < 0.2:
        other = rng.choice([one for one in ("one", "only_title", "points") if one != kind])
        chat += [user(rng.choice(_TOML["again"][other])), assistant(answers[other])]
    return chat


def extract(rng: random.Random, sentences: list[str]) -> Chat:
    """Sum up any sentences by the first of them, as the other texts are summed up."""
    answers = {
        "one": sentences[0],
        "two": " ".join(sentences[:2]),
        "points": "\n".join(f"{n}. {one}" for n, one in enumerate(sentences[:3], 1)),
    }
    kind = rng.choice(list(answers))
    return [instruct(rng, _TOML[kind], " ".join(sentences)), assistant(answers[kind])]


def passage(rng: random.Random) -> tuple[str, list[str]]:
    """Draw a text alone, and the names in it."""
    genre = rng.choice(list(_TOML["texts"].values()))
    words = _Words(rng)
    rest = rng.sample(genre["rest"], rng.choice([1, 2, 2, 3]))
    drawn = [rng.choice(genre["main"]), rng.choice(genre["next"]), *rest]
    text = " ".join(upper(words.fill(one)) for one in drawn)
    return text, [word for slot, word in words.drawn.items() if slot in ("name", "name2")]


def _conversation(rng: random.Random) -> Chat:
    """Make a talk of two people and say who does what."""
    chores = _TOML["chores"]
    first, second = rng.sample(NAMES, 2)
    (done, _), (_, other) = (one.split("|") for one in rng.sample(chores["done"], 2))
    reason, later = rng.choice(chores["reasons"]), rng.choice(chores["when"])
    small = reason[:1].lower() + reason[1:]
    thing, where = rng.choice(chores["fetch"]), rng.choice(chores["from"])
    soon = rng.choice([one for one in chores["when"] if one != later])
    thanks = rng.choice(
        ["Thank you.", "Thanks!", "That is kind.", "Good idea.", "Great.", "All right."]
    )
    lines: list[str]
    match rng.randrange(4):
        case 0:
            lines = [
                f"Have you {done}?",
                f"{rng.choice(['Not yet.', 'No.', 'No, sorry.'])} {reason}.",
                f"Then I will bring {thing} {where} {later}.",
                f"{thanks} I will {other} {soon}.",
            ]
            said = [
                f"{first} asks whether {second} has {done}.",
                f"{second} says no, because {small}.",
                f"{first} will bring {thing} {where} {later}, and {second} will {other} {soon}.",
            ]
        case 1:
            plan = rng.choice(chores["events"])
            lines = [
                f"Shall we {plan} {later}?",
                f"I have no time {later}. Could we do it {soon}?",
                rng.choice([f"{upper(soon)} is fine.", f"Yes, {soon} is good."]),
                f"{thanks} Then I will {other} first.",
            ]
            said = [
                f"{first} would like to {plan} {later}.",
                f"{second} has no time then, so they will do it {soon}.",
                f"{second} will {other} first.",
            ]
        case 2:
            lines = [
                f"I have not {done}. {reason}.",
                f"{rng.choice(['No problem.', 'Never mind.', 'Oh dear.'])} I can do it {later}.",
                f"{thanks} Then I will {other} {soon}.",
                rng.choice(["Agreed.", "Good.", "That is fair.", "Fine with me."]),
            ]
            said = [
                f"{first} has not {done}, because {small}.",
                f"{second} will do it {later}, and {first} will {other} {soon}.",
            ]
        case _:
            lines = [
                f"Can you {other} {later}?",
                f"{rng.choice(['Yes', 'Sure', 'Of course'])}, but I need {thing}.",
                f"I can get {thing} {where}.",
                f"{thanks} Have you {done}?",
                f"Yes, I have {done}.",
            ]
            said = [
                f"{first} asks {second} to {other} {later}.",
                f"{second} needs {thing}, and {first} will get it {where}.",
                f"{first} has {done}.",
            ]
    speakers = [first, second] * 3
    text = "\n".join(f"{name}: {line}" for name, line in zip(speakers, lines, strict=False))
    return [instruct(rng, _TOML["talk"], text), assistant(" ".join(said))]


def summary(rng: random.Random) -> Chat:
    """Make a chat that asks for a summary, a title or the main points."""
    return _conversation(rng) if rng.random() < 0.22 else _summary(rng)
