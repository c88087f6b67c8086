"""What a user tells of itself and asks for later in the same chat, and what was never told."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import facts, program, reckoning
from .scenes import Slots, play, varied
from .words import CITIES, DAYS, MONTHS, NAMES, Chat

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

_OF_OTHERS = {"kin_jobs": "job", "kin_towns": "cities"}
"""What is told of relatives, and the lists that it is drawn from."""
Told = tuple[dict[str, "Any"], str]
"""A thing that is told, and its value."""

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_TOGETHER: dict[str, Any] = _DATA["together"]
_TALK: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("talk.toml").read_text(encoding="utf-8")
)["slots"]
_LISTS: dict[str, list[str]] = {
    "names": NAMES + _DATA["lists"]["names"],
    "cities": CITIES + _DATA["lists"]["cities"],
    "color": _TALK["color"],
    "job": _TALK["job"],
    "food": _TALK["food"],
    "pets": [f"{name}|{pet}" for name in _TALK["petname"] for pet in _TALK["pet"]],
    "ages": [str(age) for age in range(7, 90)],
    "word": _DATA["lists"]["word"],
    "hobby": _TALK["hobby"],
    "month": MONTHS,
    "animal": [animal.split("|")[0] for animal in _TALK["animal"]],
    "drink": _TALK["drink"],
    "instrument": _TALK["instrument"],
    "allergy": _DATA["lists"]["allergies"],
    "painted": [
        f"{colour}|{thing}"
        for colour in _DATA["lists"]["colours"]
        for thing in _DATA["lists"]["coloured"]
    ],
    "owned": [
        f"{count}|{animals}"
        for count in _DATA["lists"]["counts"]
        for animals in _DATA["lists"]["animals"]
    ],
    "hidden": [
        f"{place}|{thing}"
        for place in _DATA["lists"]["places"]
        for thing in _DATA["lists"]["things"]
    ],
    **_DATA["syllables"],
}


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Tell things, talk about the program, facts or sums, and ask for what was told."""

    def subject(rng: random.Random, turns: int) -> Chat:
        (chat,) = rng.choice((program.chats, facts.chats, reckoning.chats))(rng, 1)
        return chat[: 2 * turns]

    for _ in range(count):
        yield remembered(rng, subject)


def remembered(rng: random.Random, subject: Callable[[random.Random, int], Chat]) -> Chat:
    """Tell something or several things, talk about something else, and ask for them again."""
    if rng.random() < 0.2:
        return _at_once(rng)
    chat: Chat = []
    if rng.random() < 0.04:
        chat += _said(rng, "", _TOGETHER["everything"], [_TOGETHER["nothing"]])
    told = _drawn(rng, rng.choices((1, 2, 3, 4), (34, 34, 24, 8))[0])
    groups = _groups(rng, told)
    for group in groups:
        chat += _told(rng, group)
    if rng.random() < 0.15:
        told, correction = _corrected(rng, told)
        chat += correction
    if rng.random() < 0.5:
        chat += subject(rng, rng.choice((1, 2)))
    if rng.random() < 0.06:
        chat += _echo(rng, chat)
    chat += _asked(rng, told)
    if rng.random() < 0.2 and not chat[-1]["content"].endswith("?"):
        chat += _said(rng, "", _DATA["again"]["thanks"], _DATA["again"]["thanks_answers"])
    return chat


def _told(rng: random.Random, group: list[Told]) -> Chat:
    """Tell one thing in a way of its own, or several in one message."""
    if len(group) > 1:
        answer = _TOGETHER["keeps"] + upper(_listed(rng, group))
        return _said(rng, "", [_told_together(rng, group)], [answer])
    ((fact, value),) = group
    chance = rng.random()
    if chance < 0.75:
        return _said(rng, value, fact["tell"], [fact["said"]])
    if chance < 0.85 and "clause" in fact:
        return _said(rng, "", [_told_together(rng, group)], [_filled(rng, value, fact["said"])])
    answers = [answer + fact["told"] for answer in _DATA["again"]["gave_answers"]]
    return _said(rng, value, fact["ask"], [fact["unknown"]]) + _said(
        rng, value, fact["gives"], answers
    )


def _asked(rng: random.Random, told: list[Told]) -> Chat:
    """Ask for what was told, one by one or together, and perhaps for what was not."""
    chat: Chat = []
    if rng.random() < 0.12:
        chat += _said(rng, "", _TOGETHER["everything"], [upper(_listed(rng, told))])
        if rng.random() < 0.5:
            return chat
    asked = rng.sample(told, len(told))
    while asked:
        again = bool(chat) and rng.random() < 0.35
        pair = asked[:2]
        if len(pair) == 2 and all("noun" in fact for fact, _ in pair) and rng.random() < 0.3:
            chat += _said(rng, "", [_both(rng, pair)], [upper(_listed(rng, pair))])
            asked = asked[2:]
        else:
            fact, value = asked.pop(0)
            chat += _said(rng, value, [_question(rng, fact, again=again)], [fact["told"]])
    if rng.random() < 0.2:
        missing = _unknown(rng, told)
        chat = chat + missing if rng.random() < 0.5 else missing + chat
    return chat


def _unknown(rng: random.Random, told: list[Told]) -> Chat:
    """Ask for what was not told: another thing, or the same of someone else."""
    about = {(fact["list"], value.partition("|")[2]) for fact, value in told}
    fact, value = _drawn(rng, 1)[0]
    while (fact["list"], value.partition("|")[2]) in about:
        fact, value = _drawn(rng, 1)[0]
    return _said(rng, value, [_question(rng, fact, again=False)], [fact["unknown"]])


def _question(rng: random.Random, fact: dict[str, Any], *, again: bool) -> str:
    """Ask for one thing; after another question with a word before it."""
    question: str = rng.choice(fact["ask"])
    if "noun" in fact and rng.random() < 0.2:
        question = str(rng.choice(_TOGETHER["one"])).format(fact["noun"])
    return _placed(rng.choice(_TOGETHER["again"]), [question]) if again else question


def _both(rng: random.Random, pair: list[Told]) -> str:
    """Ask for two things in one question."""
    nouns = [_filled(rng, value, fact["noun"]) for fact, value in pair]
    questions = [
        _filled(rng, value, rng.choice([one for one in fact["ask"] if one[:1] == "W"] or [""]))
        for fact, value in pair
    ]
    if all(questions) and rng.random() < 0.6:
        first, second = (one.rstrip("?") for one in questions)
        return f"{first}{rng.choice((' and', ', and', '? And'))} {lower(second)}?"
    return str(rng.choice(_TOGETHER["both"])).format(*nouns)


def _echo(rng: random.Random, chat: Chat) -> Chat:
    """Ask for what was said before, where that is short."""
    which = rng.choice(("reply", "last"))
    said = chat[{"reply": -1, "last": -2}[which]]["content"]
    if len(said) > 160 or "\n" in said or '"' in said:
        return []
    answer = _DATA["echo"].get(f"{which}_answer", "{}").format(said)
    chat = _said(rng, "", _DATA["echo"][which], ["-"])
    chat[-1]["content"] = answer
    return chat


def _told_together(rng: random.Random, group: list[Told]) -> str:
    """Tell one to four things in one message."""
    clauses = [_filled(rng, value, rng.choice(fact["clause"])) for fact, value in group]
    patterns = _TOGETHER[("ones", "pairs", "threes", "fours")[len(group) - 1]]
    opening, said = rng.choice(_TOGETHER["openings"]), _placed(rng.choice(patterns), clauses)
    return upper(opening + (upper(said) if opening.endswith("! ") else said))


def _listed(rng: random.Random, told: list[Told]) -> str:
    """Say what was told, in one sentence."""
    parts = [lower(_filled(rng, value, fact["told"]).rstrip(".")) for fact, value in told]
    if len(parts) > 1:
        parts[-1] = f"and {parts[-1]}"
    return f"{', '.join(parts)}."


def _corrected(rng: random.Random, told: list[Told]) -> tuple[list[Told], Chat]:
    """Tell one of the things anew, with another value that counts from then on."""
    place = rng.randrange(len(told))
    fact, old = told[place]
    if "clause" not in fact:
        return told, []
    value = _value(rng, fact)
    if "|" in old:
        value = f"{value.split('|')[0]}|{old.split('|')[1]}"
    clause = _filled(rng, value, rng.choice(fact["clause"]))
    said = _placed(rng.choice(_TOGETHER["corrections"]), [clause])
    chat = _said(rng, value, [said], [_TOGETHER["keeps"] + fact["told"]])
    return [*told[:place], (fact, value), *told[place + 1 :]], chat


def _at_once(rng: random.Random) -> Chat:
    """Tell something, or several things, and ask for one of them in the same breath."""
    chat: Chat = []
    if rng.random() < 0.5:
        told = _drawn(rng, rng.choice((2, 2, 3)))
        told = [one for one in told if "clause" in one[0]]
        if len(told) > 1:
            fact, value = rng.choice(told)
            asked = f"{_told_together(rng, told)} {_question(rng, fact, again=False)}"
            return _said(rng, value, [asked], [fact["told"]]) + _asked(
                rng, [one for one in told if one[0] is not fact]
            )
    for fact, value in _drawn(rng, rng.choice((1, 2, 2))):
        # A question may follow only what ends as a sentence.
        told_in = [one if one[-1] in ".!?)" else f"{one}." for one in fact["tell"]]
        asks = [f"{rng.choice(told_in)} {ask}" for ask in fact["ask"]]
        chat += _said(rng, value, asks, [fact["told"]])
    return chat


def _drawn(rng: random.Random, count: int) -> list[Told]:
    """Draw so many things to tell, no two of a kind and no two alike."""
    told: list[Told] = []
    while len(told) < count:
        (fact,) = rng.choices(_DATA["fact"], [one.get("weight", 1) for one in _DATA["fact"]])
        value = _value(rng, fact)
        words = {one.split("|")[0] for _, one in told}
        if all(fact is not one for one, _ in told) and value.split("|")[0] not in words:
            told.append((fact, value))
    return told


def _groups(rng: random.Random, told: list[Told]) -> list[list[Told]]:
    """Part what is told into messages: all in one, each alone, or some of each."""
    groups: list[list[Told]] = []
    together = rng.choices((1.0, 0.0, 0.5), (55, 30, 15))[0]
    for one in told:
        joins = groups and "clause" in one[0] and "clause" in groups[-1][0][0]
        if joins and rng.random() < together:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def upper(text: str) -> str:
    """Begin a sentence with a capital."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """Go on within a sentence: "I" and names stay as they are."""
    return text[:1].lower() + text[1:] if text.startswith(("Y", "W", "D", "H", "T")) else text


def _placed(pattern: str, parts: list[str]) -> str:
    """Put parts into a pattern: ``{0}`` within a sentence, ``{^0}`` at the begin of one."""
    for place, part in enumerate(parts):
        pattern = pattern.replace(f"{{{place}}}", lower(part))
        pattern = pattern.replace(f"{{^{place}}}", upper(part))
    return pattern


def _filled(rng: random.Random, value: str, text: str) -> str:
    return Slots(rng, {"it": [value]}).fill(varied(rng, text))


def made_up(rng: random.Random) -> str:
    """Make up a name, so that names are learned to be copied and not to be known."""
    count = rng.choice((2, 2, 3))
    name = "".join(rng.choice(_LISTS["begin"]) + rng.choice(_LISTS["vowel"]) for _ in range(count))
    return (name + rng.choice(_LISTS["end"])).capitalize()


def _value(rng: random.Random, fact: dict[str, Any]) -> str:
    if fact["list"] in ("names", "cities") and rng.random() < 0.35:
        return made_up(rng)
    relative = rng.choice(_DATA["lists"]["kin"])
    if fact["list"] == "kin_ages":
        return f"{_age(rng, relative)}|{relative}"
    if fact["list"] in _OF_OTHERS:
        return f"{rng.choice(_LISTS[_OF_OTHERS[fact['list']]])}|{relative}"
    if fact["list"] == "meetings":
        time = rng.choice(_DATA["lists"]["times"])
        return f"on {rng.choice(DAYS)}{time}|{rng.choice(_LISTS['names'])}"
    if fact["list"] in ("kin", "friends"):
        return _named(rng, rng.choice(_DATA["lists"][fact["list"]]))
    if fact["list"] == "numbers":
        return str(rng.randrange(2, 10 ** rng.randint(1, 4) + 2))
    return rng.choice(_LISTS[fact["list"]])


def _age(rng: random.Random, relative: str) -> int:
    """Give a relative an age that may be."""
    if relative in ("son", "daughter", "niece", "nephew"):
        return rng.randrange(2, 30)
    if relative.startswith("grand"):
        return rng.randrange(60, 96)
    return rng.randrange(40 if relative in ("mother", "father") else 20, 70)


def _named(rng: random.Random, relative: str) -> str:
    """Give a relative or a friend a name, of a woman where it is one."""
    lists = _DATA["lists"]
    if rng.random() < 0.25:
        return f"{made_up(rng)}|{relative}"
    if relative in lists["she"]:
        return f"{rng.choice(lists['women'])}|{relative}"
    if relative in lists["he"]:
        men = [one for one in _LISTS["names"] if one not in lists["women"]]
        return f"{rng.choice(men)}|{relative}"
    return f"{rng.choice(_LISTS['names'])}|{relative}"


def _said(rng: random.Random, value: str, asks: list[str], answers: list[str]) -> Chat:
    return program.spoken(rng, play(rng, [[{"u": asks, "a": answers}]], {"it": [value]}))
