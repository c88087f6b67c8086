"""Short texts on one line that are changed in one respect: more polite, shorter, as a list."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .everyday import sentence
from .notes import note
from .summaries import beside, upper
from .tales import tale
from .words import CITIES, DAYS, NAMES, Chat, assistant, user

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_HERE = Path(__file__)
_LISTS: dict[str, list[str]] = {
    **tomllib.loads(_HERE.with_name("short_texts.toml").read_text(encoding="utf-8")),
    "name": NAMES,
    "city": CITIES,
    "day": DAYS,
}
_GIRLS = _LISTS["girls"]
_AROUND: dict[str, list[str]] = tomllib.loads(
    _HERE.with_name("short_texts.toml").read_text(encoding="utf-8")
)["around"]
_ASKED: dict[str, list[str]] = tomllib.loads(
    _HERE.with_name("texts.toml").read_text(encoding="utf-8")
)


def short_change(rng: random.Random) -> Chat:
    """Ask for a short text in another form."""
    kinds: list[tuple[Callable[[random.Random], Chat], int]] = [
        (_polite, 20),
        (_brief, 12),
        (_turned, 6),
        (_items, 18),
        (_letters, 44),
        (_renamed, 10),
        (_tense, 12),
    ]
    makers, weights = zip(*kinds, strict=True)
    chat: Chat = rng.choices(makers, weights)[0](rng)
    return chat


def _drawn(rng: random.Random, kind: str) -> str:
    text = rng.choice(_LISTS[kind])
    return re.sub(r"\{(\w+)\}", lambda match: _drawn(rng, match[1]), text)


def _polite(rng: random.Random) -> Chat:
    """Turn an order into a polite request, or back."""
    if rng.random() < 0.12:
        thing = _drawn(rng, "wanted")
        wanted = f"{rng.choice(_LISTS['wanting'])} {thing}{rng.choice(('.', '.', '!', ''))}"
        return [beside(rng, _LISTS["polite"], wanted), assistant(f"Could I please have {thing}?")]
    if rng.random() < 0.3:
        said, request = rng.choice(_LISTS["rude"]).split("|")
        said = (
            f"{said.rstrip('.')}{rng.choice(('.', '!', '', ''))}" if said[-1] not in "?!" else said
        )
        return [beside(rng, _LISTS["polite"], said), assistant(request)]
    if rng.random() < 0.1:
        thing, soon = _drawn(rng, "wanted"), _drawn(rng, "until")
        wanted = f"{rng.choice(_LISTS['wanting'])} {thing} {soon}{rng.choice(('.', '!', '', ''))}"
        return [
            beside(rng, _LISTS["polite"], wanted),
            assistant(f"Could I please have {thing} {soon}?"),
        ]
    order = _drawn(rng, "orders")
    request = f"Could you please {order}?"
    if rng.random() < 0.15:
        return [beside(rng, _LISTS["direct"], request), assistant(f"{upper(order)}.")]
    said = f"{upper(order)}{rng.choice(['.', '.', '.', '!', ''])}"
    return [beside(rng, _LISTS["polite"], said), assistant(request)]


def _brief(rng: random.Random) -> Chat:
    """Leave out the words before what is said."""
    about, how = _drawn(rng, "about"), _drawn(rng, "how")
    if rng.random() < 0.4:
        said, short = f"{_drawn(rng, 'asking')} {about} is {how}", f"Is {about} {how}?"
        said += "?" if said.startswith(("Could", "Can", "Do")) else "."
    else:
        said, short = f"{_drawn(rng, 'padding')} {about} is {how}.", f"{upper(about)} is {how}."
    return [beside(rng, _LISTS["brief"], said), assistant(short)]


def _turned(rng: random.Random) -> Chat:
    """Turn a statement into a question or into its opposite."""
    about, how = _drawn(rng, "about"), _drawn(rng, "how").removeprefix("not ")
    statement = f"{upper(about)} is {how}."
    kind = rng.choice(["question", "question", "negative"])
    answer = f"Is {about} {how}?" if kind == "question" else f"{upper(about)} is not {how}."
    return [beside(rng, _LISTS[kind], statement), assistant(answer)]


def _items(rng: random.Random) -> Chat:
    """Make a list of words in a row, or sort them."""
    words = rng.sample(list(dict.fromkeys(_LISTS["words"])), rng.randint(3, 6))
    if rng.random() < 0.15:
        words = rng.sample(NAMES, rng.randint(3, 6))
    kind = rng.choice(["items", "items", "numbered", "ordered", "ordered", "backwards", "joined"])
    said = " ".join(words) if kind == "joined" else ", ".join(words)
    if kind != "joined" and rng.random() < 0.4:
        said = " and ".join(said.rsplit(", ", 1))
    if rng.random() < 0.2:
        said += "."
    answers = {
        "items": "\n".join(f"- {word}" for word in words),
        "numbered": "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1)),
        "ordered": ", ".join(sorted(words)),
        "backwards": ", ".join(reversed(words)),
        "joined": ", ".join(words),
    }
    return [beside(rng, _LISTS[kind], said), assistant(answers[kind])]


def _letters(rng: random.Random) -> Chat:
    """Say a text again, in capital or in small letters, or with its full stop."""
    text = said(rng)
    kinds = ["upper", "upper", "lower", "repeat", "repeat", "repeat", "quotes", "quotes"]
    kind = rng.choice([*kinds, "exclaimed", "fixed_case"])
    if kind in ("exclaimed", "fixed_case"):
        text = note(rng) if rng.random() < 0.6 else sentence(rng)
    if kind == "exclaimed":
        if text.endswith("?"):
            return _letters(rng)
        bare = text[:-1]
        return [beside(rng, _ASKED[kind], rng.choice((bare, text))), assistant(f"{bare}!")]
    if kind == "fixed_case":
        bare = text[:1].lower() + text[1:-1]
        return [beside(rng, _LISTS[kind], bare), assistant(text)]
    if kind == "lower" and rng.random() < 0.5:
        return [beside(rng, _ASKED[kind], text.upper()), assistant(text.lower())]
    changed = {"upper": text.upper(), "lower": text.lower(), "repeat": text, "quotes": f'"{text}"'}
    phrase = rng.choice(_ASKED[kind]).rstrip(".:?")
    if rng.random() < 0.25:
        return _around(rng)
    asked = f"{phrase}: {text}" if rng.random() < 0.9 else f"{text} - {phrase.lower()}"
    chat = [user(typed_start(rng, asked)), assistant(changed[kind])]
    if rng.random() < 0.2:
        more = rng.choice([one for one in changed if one != kind])
        chat += [user(rng.choice(_LISTS[f"{more}_too"])), assistant(changed[more])]
    return chat


def _around(rng: random.Random) -> Chat:
    """Say a few words again that stand amid what is asked."""
    kind = rng.choice(("upper", "upper", "lower", "repeat", "repeat", "quotes"))
    text = _drawn(rng, "sayings") if rng.random() < 0.6 else said(rng).rstrip(".")
    shown = f'"{text}"' if kind != "quotes" and rng.random() < 0.75 else text
    changed = {"upper": text.upper(), "lower": text.lower(), "repeat": text, "quotes": f'"{text}"'}
    asked = rng.choice(_AROUND[kind]).format(x=shown)
    return [user(typed_start(rng, asked)), assistant(changed[kind])]


def typed_start(rng: random.Random, text: str) -> str:
    """Begin with a small or a capital letter; the text to be changed stays as it is."""
    return upper(text) if rng.random() < 0.6 else text[:1].lower() + text[1:]


def said(rng: random.Random) -> str:
    """Draw what is to be said again: a sentence, or words in a row that mean nothing."""
    chance = rng.random()
    if chance < 0.15:
        return " ".join(rng.sample(_LISTS["words"], rng.randint(1, 5)))
    if chance < 0.35:
        the = rng.sample(_LISTS["words"], 2)
        text = (
            f"the {the[0]} {_deed(rng)} {rng.choice(('and', 'with', 'like', 'near'))} the {the[1]}"
        )
    else:
        text = note(rng) if chance < 0.75 else sentence(rng)
    if rng.random() < 0.4:
        text = text[:1].lower() + text[1:].rstrip(".")
    return text


def _renamed(rng: random.Random) -> Chat:
    """Change a name in a short text that says it once or twice."""
    old, new, other = rng.sample(NAMES, 3)
    text = f"{old} {rng.choice(['and', 'or'])} {other} {_deed(rng)}."
    chance = rng.random()
    if chance < 0.5:
        text = f"{old} {_deed(rng)}."
    elif chance < 0.8:
        # What is said of "she" stays as it is: only the name changes.
        again = rng.choice([old, "She" if old in _GIRLS else "He"])
        text = f"{old} {_deed(rng)}. {_deed(rng, again)}."
    phrases = [phrase.format(a=old, b=new) for phrase in _ASKED["names"]]
    return [beside(rng, phrases, text), assistant(re.sub(rf"\b{old}\b", new, text))]


def _deed(rng: random.Random, who: str = "") -> str:
    """Draw what somebody did, with or without the one who did it."""
    told = tale(rng, 1)
    person = told.person()
    deeds = told.told(person, past=True).rstrip(".")
    # What leads the sentence stays behind; only the deed is wanted.
    deed = re.split(rf"(?i)\b{person.full}\b ", deeds, maxsplit=1)[-1]
    return f"{who} {deed}".strip()


def _tense(rng: random.Random) -> Chat:
    """Put one sentence or two into the past or into the present."""
    told, past = tale(rng, rng.choice([1, 1, 2])), rng.random() < 0.65
    person = told.person()
    before, after = told.told(person, not past), told.told(person, past)
    if rng.random() < 0.6:
        # Users say he and she, and give no names.
        before, after = (
            re.sub(rf"(?i)\b{person.full}\b", person.subject, text, count=1)
            for text in (before, after)
        )
        before, after = upper(before), upper(after)
    return [beside(rng, _ASKED["past" if past else "present"], before), assistant(after)]
