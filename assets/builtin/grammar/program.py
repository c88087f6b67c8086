"""Chats about medusa-chat and its built-in model, and honest answers to what it cannot know."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .program_pairs import pair
from .program_two import two_parts
from .program_ways import casual
from .scenes import play
from .words import CITIES, DAYS, Chat

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


_DATA = _read("program.toml")
_TOPICS: list[dict[str, Any]] = [
    *_DATA["topic"],
    *_read("program_asked.toml")["topic"],
    *_read("program_more.toml")["topic"],
    *_read("program_troubles.toml")["topic"],
]
_WEIGHTS = [one.get("weight", 1) for one in _TOPICS]
_ANSWERS = [answer for one in _TOPICS for answer in one["turns"][0][0]["a"]]
_SHORT = (
    (re.compile(r"\b(what|where|who|how|it|that) is(?= \w)", re.IGNORECASE), r"\1's"),
    (re.compile(r"\bI am(?= \w)", re.IGNORECASE), "I'm"),
    (re.compile(r"\b(you|we|they) are(?= \w)", re.IGNORECASE), r"\1're"),
    (re.compile(r"\b(do|does|did|is) not(?= \w)", re.IGNORECASE), r"\1n't"),
    (re.compile(r"\bcan ?not(?= \w)", re.IGNORECASE), "can't"),
)
"""The short forms of what people say."""
_ASKED: dict[str, list[str]] = _DATA["questions"]
_UNKNOWN: dict[str, list[str]] = _DATA["unknown"]


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Make chats about the program: one to four questions, one after the other."""
    for _ in range(count):
        chat: Chat = []
        if rng.random() < 0.15:
            chat += _said(rng, _DATA["hello"])
        for _ in range(rng.choices((1, 2, 3, 4), (50, 28, 14, 8))[0]):
            ways = (_key, _two_keys, _topic, _pair, two_parts, _beyond)
            way = rng.choices(ways, (22, 3, 46, 12, 8, 9))[0]
            some = way(rng)
            if way not in (_beyond, two_parts) and rng.random() < 0.1:
                some += _about_it(rng, some[-1]["content"])
            chat += casual(rng, some, remarks=way is not _beyond)
        if rng.random() < 0.2:
            chat += _said(rng, _DATA["thanks"])
        yield chat


def spoken(rng: random.Random, chat: Chat) -> Chat:
    """Write some of what the user says in short forms: "I'm", "what's", "don't"."""
    for message in chat[::2]:
        if rng.random() < 0.15:
            for long, short in _SHORT:
                message["content"] = long.sub(short, message["content"])
    return chat


def _said(rng: random.Random, branch: dict[str, list[str]]) -> Chat:
    return spoken(rng, play(rng, [[branch]], _words(rng)))


def _about_it(rng: random.Random, answer: str) -> Chat:
    """Doubt an answer, or ask for it in one sentence."""
    first = re.split(r"(?<=[.!?]) ", answer)[0]
    if "\n" not in answer and 25 < len(first) < len(answer) and rng.random() < 0.6:
        return _said(rng, {"u": _DATA["shorter"]["u"], "a": [first]})
    branch = rng.choice(_DATA["said"])
    return _said(rng, {"u": branch["u"], "a": [branch["a"]]})


def _topic(rng: random.Random) -> Chat:
    (topic,) = rng.choices(_TOPICS, _WEIGHTS)
    ways = [
        way.replace("{x}", name).replace("{be}", "are" if name.endswith("s") else "is")
        for kind in ("about", "named")
        for name in topic.get(kind, [])
        for way in _ASKED[kind]
    ]
    turns = topic["turns"]
    if ways and rng.random() < 0.5:
        turns = [[{**turns[0][0], "u": [rng.choice(ways)]}], *turns[1:]]
    return spoken(rng, play(rng, turns, _words(rng), most=rng.choice((1, 1, 2))))


def _key(rng: random.Random) -> Chat:
    """Ask for the way to do something, or what a key or a command does."""
    with_name = rng.random() < 0.9
    entry = _drawn_key(rng, "keys" if with_name else "bare")
    slash, does = entry.get("slash", ""), entry["does"]
    kind = rng.choices(("do", "key", "slash"), (60, 26, 14 if with_name else 0))[0]
    key = entry["key"]
    if kind == "key":
        key = rng.choice([key, *entry.get("also_keys", [])])
        does = does.replace(entry["key"], key)
    if kind == "slash":
        slash = rng.choice([slash, *entry.get("also_slash", [])])
    entry = {**entry, "key": key, "slash": slash}
    if kind == "do":
        way = f"Press {key} to {entry['to'][0]}"
        answer = f"{way}, or type `{slash}` in the prompt." if with_name else f"{way}."
        if with_name and rng.random() < 0.4:
            return _said(rng, {"u": _asked(rng, entry, kind), "a": [answer]}) + _behind(rng, entry)
        return _said(rng, {"u": _asked(rng, entry, kind), "a": [answer]})
    if not with_name:
        return _said(rng, {"u": _asked(rng, entry, kind), "a": [does]})
    if kind == "key":
        answer = f"{does} Typing `{slash}` in the prompt does the same."
    else:
        answer = f"`{slash}` does the same as {key}. {does}"
    return _said(rng, {"u": _asked(rng, entry, kind), "a": [answer]})


def _drawn_key(rng: random.Random, kind: str) -> dict[str, Any]:
    """Draw one of the keys, those that are asked for most more often."""
    weights = [one.get("weight", 1) for one in _DATA[kind]]
    entry: dict[str, Any] = rng.choices(_DATA[kind], weights)[0]
    return entry


def _behind(rng: random.Random, entry: dict[str, Any]) -> Chat:
    """Ask something more about a key that was named."""
    if rng.random() < 0.15:
        return _said(rng, _DATA["else"])
    own = [one for one in _DATA["behind"] if entry["key"] in one.get("keys", [])]
    if not own or rng.random() < 0.4:
        own = [one for one in _DATA["behind"] if "keys" not in one]
    branch = rng.choice(own)
    names = {"{key}": entry["key"], "{slash}": entry["slash"]}
    asked, answer = rng.choice(branch["u"]), branch["a"]
    for slot, name in names.items():
        asked, answer = asked.replace(slot, name), answer.replace(slot, name)
    return _said(rng, {"u": [asked], "a": [answer]})


def _two_keys(rng: random.Random) -> Chat:
    """Ask in one sentence for the ways to do two things, or for what two keys do."""
    one = _drawn_key(rng, "keys")
    other = one
    while other is one:
        other = _drawn_key(rng, "keys")
    if rng.random() < 0.6:
        asked = rng.choice(_ASKED["two"]).format(
            to=rng.choice(one["to"]), to2=rng.choice(other["to"])
        )
        answer = " ".join(f"Press {each['key']} to {each['to'][0]}." for each in (one, other))
    else:
        asked = rng.choice(_ASKED["two_keys"]).format(key=one["key"], key2=other["key"])
        answer = " ".join(
            each["does"].partition(". ")[0].rstrip(".") + "." for each in (one, other)
        )
    return _said(rng, {"u": [asked], "a": [answer]})


def _pair(rng: random.Random) -> Chat:
    return pair(rng, _ANSWERS)


def _asked(rng: random.Random, entry: dict[str, Any], kind: str) -> list[str]:
    """Ask in one of the ways; braces that are left would be taken for slots."""
    key = entry["key"]
    written = key if rng.random() < 0.8 else key.replace("Ctrl+", "Control-").replace("+", "-")
    names = {"to": rng.choice(entry["to"]), "key": written, "slash": entry.get("slash", "")}
    return [rng.choice(_ASKED[kind]).format(**names)]


def _beyond(rng: random.Random) -> Chat:
    """Ask for what a small model does not know, and perhaps insist."""
    kind, answers = rng.choices(
        (("facts", "answers"), ("tasks", "hard"), ("risky", "advice")), (60, 28, 12)
    )[0]
    chat = _said(rng, {"u": _UNKNOWN[kind], "a": _UNKNOWN[answers]})
    if kind != "risky" and rng.random() < 0.2:
        chat += _said(rng, {"u": _UNKNOWN["more"], "a": _UNKNOWN["more_answers"]})
    return chat


def _words(rng: random.Random) -> dict[str, list[str]]:
    """Return the lists of the slots, with numbers that are drawn anew each time."""
    return {
        **_DATA["words"],
        "city": CITIES,
        "day": DAYS,
        "big": [str(rng.randrange(1000, 10 ** rng.randint(4, 9))) for _ in range(4)],
        "degree": ["0", "0.2", "0.3", "0.5", "0.7", "0.8", "1"],
        "small": [str(number) for number in range(3, 30)],
        "rate": [f"{rng.randrange(11, 36) / 10:.{rng.choice((1, 2))}f}"],
        "accepted": [f"{rng.randrange(130, 480) / 100:.{rng.choice((1, 2))}f}"],
    }
