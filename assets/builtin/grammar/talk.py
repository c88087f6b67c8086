"""Small talk: greetings, moods, food, pets, the model itself, jokes, verse and word games."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import itself, jokes, memory, moods, program, verse, wordgames
from .scenes import play
from .words import CITIES, DAYS, MONTHS, NAMES, Chat

if TYPE_CHECKING:
    from collections.abc import Iterator


def _mashed(rng: random.Random) -> list[str]:
    """Hit keys at random, as one does to see what happens."""
    rows = ("asdfghjkl", "qwertyuiop", "zxcvbnm", "asdfjkl", "dfghjkl")
    return ["".join(rng.choices(rng.choice(rows), k=rng.randint(3, 9))) for _ in range(300)]


_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_HELLO: dict[str, list[str]] = _DATA["hello"]
_MORE: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("moments.toml").read_text(encoding="utf-8")
)
_TOLD: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("told.toml").read_text(encoding="utf-8")
)
_SCENES: list[dict[str, Any]] = [
    *_DATA["scene"],
    *_MORE["scene"],
    *_TOLD["scene"],
    *moods.scenes(),
]
_WEIGHTS = [scene.get("weight", 1) for scene in _SCENES]
_GREETS = re.compile(
    r"(hi+|hey+|hello|hullo|helo|heya|good|nice|pleased|greetings|yo|howdy|sup|hiya)\b",
    re.IGNORECASE,
)
_HELLOS = ("Hi", "Hello", "Hey", "Hi there", "Hello there")
_OPENINGS = ("so ", "oh, ", "well, ", "by the way, ", "btw ", "ok so ", "hm, ", "and ")
_OPENED = re.compile(r"(I|I'm|Im|My|We|What|Do|Can|It|It's|Its)\b", re.IGNORECASE)
_COMPARED = ("food", "drink", "hobby", "sport", "music", "instrument", "fun")
_LISTS: dict[str, list[str]] = {
    **_DATA["slots"],
    **_MORE["slots"],
    **_TOLD["slots"],
    **moods.SLOTS,
    "joke": jokes.FIRST_JOKES,
    "riddle": jokes.FIRST_RIDDLES,
    "mash": _mashed(random.Random("mash")),  # noqa: S311
    "time": _HELLO["times"],
    "city": CITIES,
    "day": DAYS,
    "month": MONTHS,
}


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Make chats of small talk: a greeting perhaps, one to three subjects, a goodbye perhaps."""
    for _ in range(count):
        chat: Chat = []
        if rng.random() < 0.25:
            chat += _greeting(rng)
        if rng.random() < 0.15:
            chat += memory.remembered(rng, _subject)
        elif not chat or rng.random() < 0.8:
            for _ in range(rng.choices((1, 2, 3), (70, 23, 7))[0]):
                chat += _another(rng, chat)
        if rng.random() < 0.25:
            chat += _closing(rng)
        yield _greeted(rng, chat) if rng.random() < 0.25 else chat


def _said(rng: random.Random, asks: list[str], answers: list[str]) -> Chat:
    return program.spoken(rng, play(rng, [[{"u": asks, "a": answers}]], _LISTS))


def _subject(rng: random.Random, most: int = 9) -> Chat:
    """Talk about something; in few words where there is ``most``."""
    kinds = (
        *(_scene, itself.asked, jokes.joke, jokes.riddle, jokes.twister),
        *(verse.poem, wordgames.game),
    )
    return rng.choices(kinds, (62, 19, 5, 3, 1, 2, 8))[0](rng)[: 2 * most]


def _another(rng: random.Random, chat: Chat) -> Chat:
    """Talk about something that has not been talked about in this chat."""
    said = {message["content"] for message in chat}
    while (subject := _subject(rng))[1]["content"] in said:
        pass
    return subject


def _scene(rng: random.Random) -> Chat:
    """Play a scene, now and then between two things that are drawn here, or typed in haste."""
    (scene,) = rng.choices(_SCENES, _WEIGHTS)
    lists = {**_LISTS, "either": [_either(rng)]}
    chat = play(rng, scene["turns"], lists, most=rng.choice((1, 2, 3, 3)))
    if rng.random() < 0.08 and (first := _OPENED.match(chat[0]["content"])):
        said = chat[0]["content"]
        said = said if first[1] in ("I", "I'm", "Im") else said[:1].lower() + said[1:]
        chat[0]["content"] = rng.choice(_OPENINGS) + said
    if rng.random() < 0.15:
        for message in chat[::2]:
            message["content"] = itself.hasty(rng, message["content"])
    return program.spoken(rng, chat)


def _either(rng: random.Random) -> str:
    """Draw two things of a kind, between which one may choose."""
    if rng.random() < 0.4:
        words = rng.choice(_LISTS["pick"]).split("|")[:2]
        return "|".join(rng.sample(words, 2))
    kind = rng.choice((*_COMPARED, "animal"))
    words = [word.split("|")[-1] for word in rng.sample(_LISTS[kind], 2)]
    return "|".join(words)


def _greeting(rng: random.Random) -> Chat:
    chance = rng.random()
    if chance < 0.35:
        return _said(rng, _HELLO["plain"], _HELLO["plain_answers"])
    if chance < 0.55:
        return _said(rng, _HELLO["timed"], _HELLO["timed_answers"])
    how = rng.choices(("timed_how", "how", "fine"), (35, 60, 5))[0]
    chat = _said(rng, _HELLO[how], _HELLO[f"{how}_answers"])
    if how != "fine" and rng.random() < 0.6:
        (mood,) = rng.choices(("fine", "bad", "tired"), (60, 25, 15))
        chat += _said(rng, _HELLO[mood], _HELLO[f"{mood}_answers"])
    return chat


def _greeted(rng: random.Random, chat: Chat) -> Chat:
    """Put a greeting before the first message, and a short one before its answer."""
    first = chat[0]["content"]
    if _GREETS.match(first) or chat[1]["content"].startswith(
        (
            "Hello",
            "Good",
            "I am sorry, I do not understand",
            "It works",
            "Yes, I am here",
            "I am well",
        )
    ):
        return chat
    hello = rng.choice((*_HELLOS, *_HELLOS, *(f"Good {time}" for time in _HELLO["times"])))
    answer = f"{hello}! " if hello.startswith("Good") else "Hello! "
    chance = rng.random()
    if chance < 0.12:
        hello += rng.choice((", how are you?", "! How are you?", ", how are you doing?"))
        answer += "I am well, thank you. "
    elif chance < 0.22 and not any("name" in message["content"] for message in chat):
        name = rng.choice(NAMES)
        hello += rng.choice(
            (f", I'm {name}.", f", I am {name}.", f", my name is {name}.", f"! I'm {name}.")
        )
        answer = f"Nice to meet you, {name}! "
    else:
        hello += rng.choice("!!,,.")
    if first == first.lower() and rng.random() < 0.8:
        hello = hello.lower()
    chat[0]["content"] = f"{hello} {first}"
    chat[1]["content"] = answer + chat[1]["content"]
    return chat


def _closing(rng: random.Random) -> Chat:
    chat: Chat = []
    if rng.random() < 0.6:
        chat += _said(rng, _HELLO["thanks"], _HELLO["thanks_answers"])
    if not chat or rng.random() < 0.5:
        chat += _said(rng, _HELLO["bye"], _HELLO["bye_answers"])
    return chat
