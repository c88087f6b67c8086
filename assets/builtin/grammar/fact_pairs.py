"""Questions whose answers stand in tables: one form of the answer for each table."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .fact_often import drawn

if TYPE_CHECKING:
    import random

_FOLDER = Path(__file__).parent
_TABLES: dict[str, dict[str, Any]] = {}
for _file in sorted(_FOLDER.glob("fact_pairs*.toml")):
    _TABLES |= tomllib.loads(_file.read_text(encoding="utf-8"))
_WEIGHTS = [table["weight"] for table in _TABLES.values()]
_NEXT = ["And {x}?", "What about {x}?", "And what about {x}?", "How about {x}?", "and {x}"]
_CONTRAST = [
    "And the {x}?",
    "And the {x} one?",
    "What about the {x}?",
    "and the {x}?",
    "And which is the {x}?",
]


_MAKERS = ("authors", "painters", "composers")
_YEARS: dict[str, str] = {
    name: year for row, year in _TABLES["births"]["rows"].items() for name in row.split(" | ")
}


class Pair(NamedTuple):
    """A question with its answer, what else there is to say, and a short question that may follow.

    This comes with its answer.
    """

    question: str
    answer: str
    more: str
    following: tuple[str, str]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _split(row: str) -> tuple[str, list[str]]:
    noun, _, thing = row.rpartition(": ")
    return noun, thing.split(" | ")


def _contrasts() -> dict[str, dict[str, str]]:
    """Group what is the largest, the smallest and so on of the same kind."""
    groups: dict[str, dict[str, str]] = {}
    for row in _TABLES["superlatives"]["rows"]:
        for name in _split(row)[1]:
            found = re.fullmatch(r"the (second \w+est|\w+est) (.+)", name)
            if found:
                groups.setdefault(found[2], {})[found[1]] = row
    return {kind: group for kind, group in groups.items() if len(set(group.values())) > 1}


_CONTRASTS = _contrasts()
# "the closest planet to the sun": which one it is, of what, and where.
_MOST = re.compile(r"the (second \w+est|most \w+|\w+est) (.+?)( (?:in|on|of|to|from|by) .+)?")


def paired(rng: random.Random) -> Pair:
    """Ask for one row of a table; the answer says the words of the question again."""
    kind = rng.choices(list(_TABLES), _WEIGHTS)[0]
    table = _TABLES[kind]
    row = drawn(rng, kind, table["rows"])
    noun, names = _split(row)
    name = rng.choice(names)
    most = _MOST.fullmatch(name) if "ask_which" in table else None
    if most and rng.random() < 0.6:
        slots = {"s": most[1], "k": most[2], "r": most[3] or ""}
        question: str = rng.choice(table["ask_which"]).format(**slots)
        return Pair(_capital(question), *_told(table, row, name), ("", ""))
    phrase: str = rng.choice(table["ask"])
    if "{x}" not in phrase:
        name = names[0]
    question = phrase.format(x=name, n=noun)
    following = _born(rng, kind, row) or _following(rng, table, row)
    return Pair(_capital(question), *_told(table, row, name), following)


def contrasted(rng: random.Random) -> Pair:
    """Ask for the largest of a kind, and then for the smallest or another one."""
    kind, group = rng.choice(list(_CONTRASTS.items()))
    table = _TABLES["superlatives"]
    first, second = rng.sample(sorted(group), 2)
    while group[first] == group[second]:
        first, second = rng.sample(sorted(group), 2)
    one, other = f"the {first} {kind}", f"the {second} {kind}"
    question: str = rng.choice(table["ask"] + table["ask_which"])
    question = question.format(x=one, k=kind, s=first, r="")
    following = rng.choice(_CONTRAST).format(x=second)
    answer = _told(table, group[second], other)[0]
    return Pair(_capital(question), *_told(table, group[first], one), (following, answer))


def _answer(table: dict[str, Any], row: str, name: str) -> str:
    noun, names = _split(row)
    said = names[0] if table.get("first_name") else name
    value = table["rows"][row]
    if value == "one":
        noun = noun.removesuffix("s")
    answer: str = table["answer"].format(x=said, n=noun, y=value)
    return _capital(answer)


def _told(table: dict[str, Any], row: str, name: str) -> tuple[str, str]:
    """Answer in one sentence, and keep what else there is to say."""
    answer = _answer(table, row, name)
    if table.get("more"):
        answer, _, more = answer.partition(". ")
        return f"{answer.removesuffix('.')}.", more
    return answer, ""


def _born(rng: random.Random, kind: str, row: str) -> tuple[str, str] | None:
    """Ask when the one was born of whom one has just heard."""
    if kind not in ("persons", *_MAKERS) or rng.random() < 0.5:
        return None
    person = row.split(" | ")[0] if kind == "persons" else _TABLES[kind]["rows"][row]
    if person not in _YEARS:
        return None
    births = _TABLES["births"]
    who = "she" if person in births["women"] else "he"
    asked = rng.choice(births["ask_then"]).format(who=who)
    return asked, births["answer"].format(x=person, y=_YEARS[person])


def _following(rng: random.Random, table: dict[str, Any], row: str) -> tuple[str, str]:
    """Name only another thing of the table, of which the same is asked."""
    noun = _split(row)[0]
    same = [one for one in table["rows"] if one != row and _split(one)[0] == noun]
    if not same or table.get("alone"):
        return "", ""
    other = rng.choice(same)
    name = rng.choice(_split(other)[1])
    return rng.choice(_NEXT).format(x=name), _told(table, other, name)[0]
