"""Short statements in another form, wordy ones cut down, casual ones formal, texts summed up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .short_texts import typed_start
from .summaries import upper
from .words import CITIES, DAYS, MONTHS, NAMES, Chat, assistant, user

if TYPE_CHECKING:
    import random

_HERE = Path(__file__)
_DATA: dict[str, Any] = tomllib.loads(_HERE.with_suffix(".toml").read_text(encoding="utf-8"))
_GIRLS: list[str] = tomllib.loads(_HERE.with_name("short_texts.toml").read_text(encoding="utf-8"))[
    "girls"
]


def rewrite(rng: random.Random) -> Chat:
    """Ask for a short text in another form."""
    kinds = (_forms, _wordy, _formal, _summed, _rephrased)
    return rng.choices(kinds, (32, 14, 26, 30, 8))[0](rng)


def _asked(rng: random.Random, phrases: list[str], text: str) -> str:
    """Put what is wanted before the text, or behind it."""
    phrase = rng.choice(phrases).rstrip("?:")
    if rng.random() < 0.1:
        return typed_start(rng, f"{text} - {phrase}")
    return typed_start(rng, f"{phrase}{rng.choice((':', ':', ':', ' -'))} {text}")


def _small(rng: random.Random, text: str) -> str:
    """Type a sentence as it is, or carelessly."""
    if rng.random() < 0.4:
        text = text.rstrip(".")
    return text if rng.random() < 0.6 else text[:1].lower() + text[1:]


def _forms(rng: random.Random) -> Chat:
    """Make a statement a question, a denial, the past or the future."""
    if rng.random() < 0.25:
        return _states(rng)
    third, plain, before, rest = rng.choice(_DATA["verbs"]).split("|")
    who = rng.choice(_DATA["subjects"])
    many = who in _DATA["many"]
    said = f"{upper(who)} {plain if many else third} {rest}."
    do = "do" if many else "does"
    forms = {
        "question": f"{upper(do)} {who} {plain} {rest}?",
        "negative": f"{upper(who)} {do} not {plain} {rest}.",
        "past": f"{upper(who)} {before} {rest}.",
        "future": f"{upper(who)} will {plain} {rest}.",
    }
    # What is changed once more is changed from what it has become.
    asked, denied = f"{who} {plain} {rest}?", f"{plain} {rest}."
    further = {
        "question": {"past": f"Did {asked}", "future": f"Will {asked}"},
        "negative": {
            "past": f"{upper(who)} did not {denied}",
            "future": f"{upper(who)} will not {denied}",
        },
        "past": {"question": f"Did {asked}", "negative": f"{upper(who)} did not {denied}"},
        "future": {"question": f"Will {asked}", "negative": f"{upper(who)} will not {denied}"},
    }
    kind = rng.choice(("question", "question", "negative", "past", "past", "past", "future"))
    chat = [user(_asked(rng, _DATA[kind], _small(rng, said))), assistant(forms[kind])]
    if rng.random() < 0.2:
        other = rng.choice(list(further[kind]))
        chat += [user(rng.choice(_DATA["too"][other])), assistant(further[kind][other])]
    return chat


def _states(rng: random.Random) -> Chat:
    """Make a question or a denial of what somebody is or can."""
    who, verb, rest = rng.choice(_DATA["states"]).split("|")
    said = f"{upper(who)} {verb} {rest}."
    forms = {
        "question": f"{upper(verb)} {who} {rest}?",
        "negative": f"{upper(who)} {'cannot' if verb == 'can' else f'{verb} not'} {rest}.",
    }
    kind = rng.choice(("question", "question", "negative"))
    return [user(_asked(rng, _DATA[kind], _small(rng, said))), assistant(forms[kind])]


def _wordy(rng: random.Random) -> Chat:
    """Say in fewer words what was said in many."""
    if rng.random() < 0.5:
        reason, deed = rng.choice(_DATA["wordy_reason"]), rng.choice(_DATA["wordy_deed"])
        text, short = f"{rng.choice(_DATA['wordy'])} {reason}, {deed}.", f"As {reason}, {deed}."
    else:
        what = f"{rng.choice(_DATA['polite_deed'])} {rng.choice(_DATA['when'])}"
        lead = rng.choice(_DATA["polite_lead"])
        text = f"{lead} {what}{'?' if lead.startswith('Would') else '.'}"
        short = f"Could you {what}?"
    return [user(_asked(rng, _DATA["shorter"], _small(rng, text))), assistant(short)]


def _rephrased(rng: random.Random) -> Chat:
    """Say the same in other words: what came last comes first."""
    if rng.random() < 0.4:
        reason, deed = rng.choice(_DATA["wordy_reason"]), rng.choice(_DATA["wordy_deed"])
        text, other = f"{upper(deed)} because {reason}.", f"As {reason}, {deed}."
    else:
        _, _, before, rest = rng.choice(_DATA["verbs"]).split("|")
        told = f"{rng.choice(_DATA['subjects'])} {before} {rest}"
        when = rng.choice(_DATA["ago"])
        text, other = f"{upper(told)} {when}.", f"{upper(when)} {told}."
        if rng.random() < 0.3:
            text, other = other, text
    return [user(_asked(rng, _DATA["rephrase"], _small(rng, text))), assistant(other)]


def _formal(rng: random.Random) -> Chat:
    """Make a message of few words formal."""
    if rng.random() < 0.35:
        thing = rng.choice(_DATA["formal_things"])
        whole = rng.choice(_DATA["casual_whole"]).replace("{x}", thing)
        casual, formal = whole.split("|")
        start = rng.choice(("", "", "hey, ", "hi, "))
        return [user(_asked(rng, _DATA["formal"], f"{start}{casual}")), assistant(formal)]
    casual, formal = rng.choice(_DATA["casual_deed"]).split("|")
    short, reason = rng.choice(_DATA["casual_reason"]).split("|")
    when = rng.choice(_DATA["when"])
    text = f"{rng.choice(_DATA['casual_start'])}{casual}".format(when=when)
    if short:
        text += f"{rng.choice((', ', ', ', '. ', ' - '))}{short}"
    if rng.random() < 0.3:
        text = upper(text)
    answer = f"{formal} {reason}".format(when=when).strip() + "."
    return [user(_asked(rng, _DATA["formal"], text)), assistant(answer)]


def _summed(rng: random.Random) -> Chat:
    """Give a small text a title, or sum it up in a sentence."""
    drawn, words = rng.choice(_DATA["texts"]), _DATA["words"]
    slots = {key: rng.choice(words[key]) for key in ("obj", "place", "boss")}
    slots |= {f"{upper(key)}": slots[key].title() for key in ("obj", "place")}
    name = rng.choice(NAMES)
    girl = name in _GIRLS
    he, him, his = ("she", "her", "her") if girl else ("he", "him", "his")
    slots |= {"name": name, "he": he, "He": upper(he), "him": him, "his": his}
    slots["Place_first"] = upper(slots["place"])
    slots |= {"city": rng.choice(CITIES), "month": rng.choice(MONTHS), "n": str(rng.randint(2, 9))}
    slots["day"], slots["day2"] = rng.sample(DAYS, 2)

    def fill(text: str) -> str:
        text = re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], text)
        return re.sub(r"\b([Aa]) (?=umbrella)", r"\1n ", text)

    answers = {"title": f"**{fill(drawn['title'])}**", "sum": fill(drawn["sum"])}
    answers["three"] = fill(drawn["three"])
    kinds = rng.sample(("title", "title", "title", "sum", "sum", "sum", "sum", "three"), 8)
    kinds = list(dict.fromkeys(kinds))
    asked = _asked(rng, words[kinds[0]], fill(drawn["text"]))
    chat = [user(asked), assistant(answers[kinds[0]])]
    if rng.random() < 0.3:
        chat += [user(rng.choice(words[f"{kinds[1]}_too"])), assistant(answers[kinds[1]])]
    return chat
