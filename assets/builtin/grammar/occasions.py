"""Small texts for an occasion: haiku, excuses, wishes and e-mails of a fact or two."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scenes import varied
from .summaries import article, upper
from .words import DAYS, NAMES, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_SYLLABLES = ("one", "two", "three", "four")


def occasion(rng: random.Random) -> Chat:
    """Ask for a small text, and perhaps for another one."""
    return rng.choices((_haiku, _excuse, _wish, _mail, _mail_of_one), (18, 14, 30, 26, 34))[0](rng)


def _said(rng: random.Random, asks: list[str], answer: str, **slots: str) -> Chat:
    asked = article(varied(rng, rng.choice(asks)).format(**slots))
    return [user(typed(rng, asked)), assistant(answer)]


def _haiku(rng: random.Random) -> Chat:
    """Write a haiku of five, seven and five syllables."""
    chat: Chat = []
    for asks in (_DATA["haiku"], _DATA["haiku_more"]):
        if chat and rng.random() < 0.7:
            break
        kind = rng.randrange(4)
        subjects = _DATA[_SYLLABLES[kind]]
        place = rng.randrange(len(subjects))
        subject = subjects[place]
        rests = _DATA["haiku_rest"]
        first = _DATA["haiku_first"][kind].format(s=subject)
        answer = f"{first}\n{rests[place % len(rests)]}"
        chat += _said(rng, asks, answer, s=subject)
    return chat


def _excuse(rng: random.Random) -> Chat:
    """Make up an excuse, and perhaps one more."""
    # One thing is always excused by the same two reasons.
    place, known = rng.randrange(len(_DATA["excuses"])), _DATA["reasons"]
    done, sorry = _DATA["excuses"][place].split("|")
    reasons = [known[(place + more) % len(known)] for more in (0, 1)]
    answers = [f'You could say: "I am sorry. {sorry}, because {reason}."' for reason in reasons]
    chat = _said(rng, _DATA["excuse"], answers[0], x=done)
    if rng.random() < 0.35:
        chat += _said(rng, _DATA["excuse_more"], answers[1])
    return chat


def _wish(rng: random.Random) -> Chat:
    """Write a wish, a thank-you or an apology to somebody."""
    kind, text = rng.choice(_DATA["wishes"]).split("|")
    to, name = rng.choice(_DATA["close" if "love" in kind else "to"]), rng.choice(NAMES)
    named = rng.random() < 0.25
    asks = _DATA["wish_named" if named else "wish"]
    return _said(rng, asks, text.format(to=name if named else to), k=kind, to=to, name=name)


def _mail(rng: random.Random) -> Chat:
    """Write an e-mail that says two things."""
    slots = {"name": rng.choice(NAMES), "day": rng.choice(DAYS)}
    parts: list[tuple[str, str]] = []
    for kind in ("first", "second"):
        said = rng.choice(_DATA[kind])
        while parts and not _follows(parts[0][0], said):
            said = rng.choice(_DATA[kind])
        when = rng.choice(_DATA["when"])
        short, full = said.format(when=when, **slots).split("|")
        parts.append((short, upper(full)))
    to = rng.choice(_DATA["to"])
    answer = f"Dear {to},\n\n{parts[0][1]}. {parts[1][1]}.\n\nKind regards"
    chat = _said(rng, _DATA["mail"], answer, to=to, a=parts[0][0], b=parts[1][0])
    return _changed(rng, chat, to)


def told(rng: random.Random, asking: bool = False) -> tuple[str, str, str]:
    """Draw who is written to, one thing to tell or ask for as it is typed, and the e-mail."""
    said = rng.choice(_DATA["asked" if asking else "told"])
    slots = {key: rng.choice(_DATA[key]) for key in ("when", "day_now")}
    short, full = said.format(**slots).split("|")
    to = rng.choice(_DATA["to"])
    return to, short, f"Dear {to},\n\n{full}{'' if asking else '.'}\n\nKind regards"


def _mail_of_one(rng: random.Random) -> Chat:
    """Write an e-mail that says or asks one thing."""
    asking = rng.random() < 0.35
    to, short, answer = told(rng, asking)
    asks = _DATA["mail_ask" if asking else "mail_one"]
    return _changed(rng, _said(rng, asks, answer, to=to, a=short), to)


def _changed(rng: random.Random, chat: Chat, to: str) -> Chat:
    """Have an e-mail signed, or written to somebody else, as some users want it then."""
    answer, chance = chat[-1]["content"], rng.random()
    if chance < 0.12:
        name = rng.choice(NAMES)
        chat += _said(rng, _DATA["sign"], f"{answer},\n{name}", name=name)
    elif chance < 0.2:
        other = rng.choice([one for one in _DATA["to"] if one != to])
        answer = answer.replace(f"Dear {to},", f"Dear {other},", 1)
        chat += _said(rng, _DATA["same_for"], answer, to=other)
    return chat


def _follows(first: str, second: str) -> bool:
    """Whether a fact can be told after another one."""
    if second.startswith("will"):
        return first.startswith(("I ", "I'm", "i'm"))
    return " come" not in first or " come" not in second
