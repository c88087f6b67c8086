"""Messages in another tone, and letters written from a few details."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .summaries import instruct, upper
from .words import DAYS, NAMES, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_TOML: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("letters.toml").read_text(encoding="utf-8")
)
_CITIES = [
    "Berlin",
    "Lisbon",
    "Oslo",
    "Rome",
    "Vienna",
    "Prague",
    "Porto",
    "York",
    "Geneva",
    "Madrid",
]


def _details(rng: random.Random, names: list[str]) -> dict[str, str]:
    """Draw every detail that a letter may need."""
    words: dict[str, list[str]] = _TOML["words"]
    drawn = {key: rng.choice(values) for key, values in words.items()}
    drawn["cause"], drawn["cause_written"] = drawn["cause"].split("|")
    her, drawn["their"] = rng.choice((("her", "her"), ("him", "his")))
    # What is told of him or her is written to him or her.
    drawn["told"] = re.sub(r"\byour\b", drawn["their"], drawn["mistake"])
    drawn["told"] = re.sub(r"\byou\b", her, drawn["told"])
    drawn["item2"] = rng.choice([one for one in words["item"] if one != drawn["item"]])
    drawn["city"] = rng.choice(_CITIES)
    drawn["sickday"] = drawn["sickday"].format(day=rng.choice(DAYS))
    drawn["day"], drawn["day2"], drawn["day3"] = rng.sample(DAYS, 3)
    drawn["name"], drawn["sender"], drawn["other"], drawn["new"] = rng.sample(names, 4)
    return drawn | {f"{key}_cap": upper(value) for key, value in drawn.items()}


def tone(rng: random.Random, names: list[str] = NAMES) -> Chat:
    """Say a message more formally, or more casually."""
    details = _details(rng, names)
    parts = [rng.choice(_TOML["first"])]
    for kind, share in (("reason", 0.7), ("request", 0.75), ("last", 0.5)):
        if rng.random() < share:
            parts.append(rng.choice(_TOML[kind]))
    formal = " ".join(part["formal"].format(**details) for part in parts)
    formal = f"{_TOML['hello_formal']}{formal}{_TOML['bye_formal']}".format(**details)
    if rng.random() < 0.25:
        # The way back has only one answer: the first casual way to say it.
        casual = [part["casual"][0].format(**details) for part in parts]
        answer = f"Hi {details['name']}, {' '.join([casual[0], *map(upper, casual[1:])])}"
        answer += f" Cheers, {details['sender']}"
        return [instruct(rng, _TOML["to_casual"], formal), assistant(answer)]
    casual = [rng.choice(part["casual"]).format(**details) for part in parts]
    hello, bye = (rng.choice(_TOML[key]).format(**details) for key in ("hello", "bye"))
    casual = [upper(casual[0]) if hello.endswith("! ") else casual[0], *map(upper, casual[1:])]
    text = f"{hello}{' '.join(casual)} {bye}"
    chat = [instruct(rng, _TOML["to_formal"], text), assistant(formal)]
    if rng.random() < 0.1:
        new = rng.choice([f"Address it to {details['new']}.", f"It is for {details['new']}."])
        chat += [user(new), assistant(formal.replace(details["name"], details["new"], 1))]
    return chat


def letter(rng: random.Random, names: list[str] = NAMES) -> Chat:
    """Write a letter from the details that the user gives."""
    kinds = list(_TOML["letters"].values())
    kind = rng.choices(kinds, [one.get("weight", 1) for one in kinds])[0]
    details, known = _details(rng, names), kind["text"]
    if brief := not kind["ask"] or rng.random() < 0.6:
        # Many users give few details: the letter has no more of them.
        ask = rng.choice(kind["short"])
        details["to"] = rng.choice(_TOML["words"][kind.get("who", "to")])
        told = (
            "{to}" if "{to}" in ask else "{name}" if "{name}" in ask else kind.get("to", "friend")
        )
        known = re.sub(r"\b([Dd]ear) \{(?:name|boss)\}", rf"\1 {told}", known)
    else:
        ask = rng.choice(kind["ask"])
    for extra in ("more", "plus"):
        if kind[extra] and rng.random() < (0.1 if brief else 0.5):
            ask += ("" if ask[-1] in ".?" else ".") + rng.choice(kind[extra])
    if "{sender}" in known and rng.random() < (0.15 if brief else 0.7):
        ask += "" if ask[-1] in ".?" else "."
        ask += rng.choice(_TOML["from"]["say"])
    else:
        known = known.removesuffix(",\n{sender}")
    asked = set(re.findall(r"\{(\w+?)(?:_cap)?\}", ask))

    def keep(match: re.Match[str]) -> str:
        """Leave out what hangs on a detail that was not given."""
        return match[1] if set(re.findall(r"\{(\w+)\}", match[1])) <= asked else ""

    known = re.sub(r"\[([^]]*)\]", keep, known)
    said = typed(rng, upper(ask.format(**details)))
    chat = [user(said), assistant(known.format(**details))]
    if "name" in asked and rng.random() < 0.15:
        phrase = rng.choice(_TOML["from"]["again"]).format(**details)
        changed = known.format(**details | {"name": details["new"]})
        chat += [user(phrase), assistant(changed)]
    elif known.startswith("Dear") and rng.random() < 0.25:
        chat += _changed(rng, chat[-1]["content"], details)
    return chat


def _changed(rng: random.Random, text: str, details: dict[str, str]) -> Chat:
    """Ask for a letter in fewer words, with one thing more, or with another farewell."""
    hello, said, *_, farewell = text.split("\n\n")
    ends = re.compile(r"(Kind regards|Best wishes)(?=,\n|$)")
    kinds = ["shorter", "shorter", "friendly", "formal", "add"]
    kind = rng.choice(kinds + ["sign"] * text.endswith(("regards", "wishes")))
    added = rng.choice(_TOML["then"]["added"]).format(**details)
    answers = {
        "shorter": f"{hello}\n\n{re.split(r'(?<=[.!?]) ', said)[0]}\n\n{farewell}",
        "friendly": ends.sub("All the best", re.sub("^Dear( Sir or Madam)?", "Hi", text)),
        "formal": ends.sub("Yours sincerely", text),
        "add": f"{text.removesuffix(farewell)}{upper(added)}.\n\n{farewell}",
        "sign": f"{text},\n{details['new']}",
    }
    asked = rng.choice(_TOML["then"][kind]).format(a=added, new=details["new"])
    return [user(asked), assistant(answers[kind])]
