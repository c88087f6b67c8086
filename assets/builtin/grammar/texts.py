"""Texts to be summed up, changed in one respect, or written from given details."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .everyday import sentence
from .letters import letter, tone
from .mistakes import mistake
from .occasions import occasion
from .offers import offer
from .rewrites import rewrite
from .short_texts import short_change
from .spelling import SENTENCES, everyday, spelled
from .summaries import extract, instruct, passage, summary, upper
from .tales import Person, Tale, tale
from .translations import translation
from .usage import usage
from .wordgames import game
from .words import CITIES, NAMES, NUMBERS, Chat, assistant, user

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

_HERE = Path(__file__)
_TOML: dict[str, Any] = tomllib.loads(_HERE.with_name("texts.toml").read_text(encoding="utf-8"))
_ALL_NAMES = NAMES + _TOML["rare"]


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Yield chats about texts: summaries first, then changes of every kind."""
    kinds: list[tuple[Callable[[random.Random], Chat], int]] = [
        (summary, 20),
        (short_change, 40),
        (rewrite, 30),
        (occasion, 22),
        (_loose, 2),
        (_renamed, 4),
        (_spelled, 26),
        (mistake, 36),
        (_tenses, 6),
        (_persons, 2),
        (_lines, 9),
        (_small_changes, 8),
        (tone, 5),
        (letter, 28),
        (game, 20),
        (offer, 5),
        (usage, 6),
        (translation, 4),
    ]
    makers, weights = zip(*kinds, strict=True)
    for _ in range(count):
        chat = rng.choices(makers, weights)[0](rng)
        if len(chat) == 2 and rng.random() < 0.06:
            chat += [user(rng.choice(_TOML["thanks"])), assistant(_TOML["welcome"])]
        yield chat


def _ask(rng: random.Random, kind: str, text: str, **slots: str) -> dict[str, str]:
    phrases = [one.format(**slots) for one in _TOML[kind]]
    return instruct(rng, [upper(phrase) for phrase in phrases], text)


def _tale(rng: random.Random, named: float = 0.0) -> Tale:
    return tale(rng, rng.choice([2, 3, 4, 4, 5, 6]), named)


def _sentences(rng: random.Random, count: int) -> list[str]:
    """Draw sentences of everyday life that have nothing to do with each other."""
    lists = ("adj", "kin", "pos", "thing", "animal", "food", "colour")
    return [
        one.format(
            name=rng.choice(_ALL_NAMES),
            other=rng.choice(NAMES),
            city=rng.choice(CITIES),
            **{key: rng.choice(SENTENCES[key]) for key in lists},
        )
        for one in rng.sample(SENTENCES["sentences"], count)
    ]


def _loose(rng: random.Random) -> Chat:
    """Sum up a text that follows no pattern."""
    sentences = _sentences(rng, rng.randint(1, 4))
    if rng.random() < 0.5:
        sentences = [sentence(rng) for _ in range(rng.randint(2, 4))]
    for _ in range(rng.randint(1, 2)):
        story = tale(rng, rng.randint(1, 3))
        told = story.told(story.person(), rng.random() < 0.5)
        more = re.findall(r"[^.]+\.(?= |$)", told)
        sentences = more + sentences if rng.random() < 0.5 else sentences + more
    if rng.random() < 0.4:
        text, _ = passage(rng)
        sentences = re.findall(r"[^.]+\.(?= |$)", text) + sentences[:2]
    sentences = [one.strip() for one in sentences]
    return extract(rng, sentences) if len(sentences) > 2 else _loose(rng)


def _renamed(rng: random.Random) -> Chat:
    """Change a name or a word everywhere, and sometimes once more."""
    old, new, newest = rng.sample(_ALL_NAMES, 3)
    kind = "names"
    story = _tale(rng, named=0.6)
    subject, his = rng.choice([("he", "his"), ("she", "her")])
    past = rng.random() < 0.5
    text, people = passage(rng)
    if people and rng.random() < 0.4 and new not in text and newest not in text:
        told = [text, *(re.sub(rf"\b{people[0]}\b", one, text) for one in (new, newest))]
        old = people[0]
    elif rng.random() < 0.25:
        kind = "words"
        old, new, newest = rng.sample(
            ["baker", "captain", "dog", "fox", "giant", "queen", "cat", "nurse", "wolf", "mole"], 3
        )
        told = [story.told(Person(f"the {one}", subject, his), past) for one in (old, new, newest)]
    else:
        told = [story.told(Person(one, subject, his), past) for one in (old, new, newest)]
    chat = [_ask(rng, kind, told[0], a=old, b=new), assistant(told[1])]
    if old.lower() in told[1].lower().split():
        # Somebody else in the tale has the same name.
        return _renamed(rng)
    if rng.random() < 0.15 and new not in told[2]:
        phrase = rng.choice(["Now {} instead of {}.", "And now {} in place of {}, please."])
        chat += [user(phrase.format(newest, new)), assistant(told[2])]
    return chat


def _spelled(rng: random.Random) -> Chat:
    """Correct the spelling and change nothing else."""
    chance = rng.random()
    if chance < 0.75:
        return everyday(rng)
    if chance < 0.79:
        text, _ = passage(rng)
    elif chance < 0.86:
        story = _tale(rng)
        text = story.told(story.person(), rng.random() < 0.5)
    else:
        text = " ".join(_sentences(rng, rng.choice([1, 1, 1, 2, 3, 4])))
    return spelled(rng, text)


def _tenses(rng: random.Random) -> Chat:
    """Tell a tale in the other tense."""
    story = _tale(rng, named=0.2)
    person = story.person()
    if rng.random() < 0.3:
        person = Person(rng.choice(_ALL_NAMES), *rng.choice([("he", "his"), ("she", "her")]))
    if rng.random() < 0.15:
        person = Person("I", "I", "my", plural=True)
    past = rng.random() < 0.65
    text, answer = story.told(person, not past), story.told(person, past)
    return [_ask(rng, "past" if past else "present", text), assistant(answer)]


def _persons(rng: random.Random) -> Chat:
    """Tell a tale of another person, of several, or more briefly."""
    story, past = _tale(rng), rng.random() < 0.5
    one, me = story.person(), Person("I", "I", "my", plural=True)
    plain = story.hero[-1] not in "yshf" and not story.hero.endswith(("man", "child"))
    many = Person(f"the {story.hero}s", "they", "their", plural=True)
    kinds = ["first", "third", "shorter"] + (["plural", "singular"] if plain else [])
    kind = rng.choice(kinds)
    before, after = {
        "first": (one, me),
        "third": (me, one),
        "plural": (one, many),
        "singular": (many, one),
        "shorter": (one, one),
    }[kind]
    answer = story.short(one, past) if kind == "shorter" else story.told(after, past)
    hero = one.full if kind in ("first", "third") else before.full
    said = _ask(rng, kind, story.told(before, past), a=hero, b=after.full)
    return [said, assistant(answer)]


def _list(rng: random.Random) -> list[str]:
    """Draw lines that begin with different words."""
    count = rng.randint(3, 8)
    style = rng.randrange(4)
    if style == 3:
        pool = rng.choice([_ALL_NAMES, CITIES, NUMBERS[1:]])
        return rng.sample(pool, count)
    lines = []
    for word in rng.sample(_TOML["fruit"], count):
        line = f"{word} {rng.choice(_TOML['origin'])}" if style == 0 else word
        lines.append(f"{rng.choice(_TOML['adjectives'])} {word}" if style == 1 else line)
    return lines


def _lines(rng: random.Random) -> Chat:
    """Sort, turn round, number or mark lines."""
    lines = list(dict.fromkeys(_list(rng)))
    answers = {
        "sort": "\n".join(sorted(lines, key=str.lower)),
        "reverse": "\n".join(reversed(lines)),
        "number": "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1)),
        "bullets": "\n".join(f"- {line}" for line in lines),
        "split": "\n".join(f"- {line}" for line in lines),
        "join": ", ".join(lines),
    }
    kind = rng.choice(["sort", "sort", "sort", "sort", *answers])
    text = ", ".join(lines) if kind == "split" else "\n".join(lines)
    chat = [_ask(rng, kind, text), assistant(answers[kind])]
    if kind in ("sort", "reverse", "split", "join") and rng.random() < 0.15:
        now = answers[kind].replace("- ", "").replace(", ", "\n").split("\n")
        ordered = "\n".join(f"{number}. {line}" for number, line in enumerate(now, 1))
        phrase = rng.choice(["Now number them.", "And now with numbers.", "Number them, please."])
        chat += [user(phrase), assistant(ordered)]
    return chat


def _small_changes(rng: random.Random) -> Chat:
    """Repeat a text, change its letters, take out a word or write out its numbers."""
    story = _tale(rng)
    text = story.told(story.person(), rng.random() < 0.5)
    kind = rng.choice(["repeat", "repeat", "upper", "lower", "remove", "figures"])
    if kind == "figures":
        return _figures(rng)
    if rng.random() < 0.4:
        text, _ = passage(rng)
    if kind in ("upper", "lower"):
        text = text[: text.index(".") + 1]
        return [_ask(rng, kind, text), assistant(text.upper() if kind == "upper" else text.lower())]
    if kind == "remove":
        filler = rng.choice(_TOML["fillers"])
        words, kept = [], []
        for word in text.split():
            words.append(word)
            kept.append(word)
            if word in ("he", "she", "and", "He", "She") and rng.random() < 0.6:
                words.append(filler)
        if len(words) > len(kept):
            return [_ask(rng, kind, " ".join(words), a=filler), assistant(" ".join(kept))]
    return [_ask(rng, "repeat", text), assistant(text)]


def _figures(rng: random.Random) -> Chat:
    """Write numbers as words."""
    figures, words = [], []
    for one in rng.sample(_TOML["counted"], rng.randint(1, 4)):
        n, m = sorted(rng.sample(range(2, 21), 2))
        name, other = rng.sample(_ALL_NAMES, 2)
        slots = {
            "Name": name,
            "other": other,
            "room": rng.choice(["hall", "kitchen", "garden", "school", "cellar"]),
            "animal": rng.choice(["cat", "fox", "hen", "goat", "mouse", "pig"]),
        }
        figures.append(one.format(n=n, m=m, **slots))
        words.append(upper(one.format(n=NUMBERS[n], m=NUMBERS[m], **slots)))
    return [_ask(rng, "figures", " ".join(figures)), assistant(" ".join(words))]
