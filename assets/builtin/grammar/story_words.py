"""Who a story is about and the words that fill its plot."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import CITIES, NAMES, with_article

if TYPE_CHECKING:
    import random

Slots = dict[str, str]

_WORDS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("stories.toml").read_text(encoding="utf-8")
)
THING_PLOTS = ["forgotten", "quirk", "thing_go", "thing_lost", "thing_help"]
HERO_PLOTS: list[str] = _WORDS["hero_plots"]
BEINGS: list[str] = _WORDS["animals"] + _WORDS["people"]
"""The animals and the people that can speak and help."""
_FLYERS, _SWIMMERS = set(_WORDS["flyers"]), set(_WORDS["swimmers"])
_ONE = {
    "s": "s",
    "es": "es",
    "pl": "",
    "is": "is",
    "was": "was",
    "has": "has",
    "does": "does",
    "tries": "tries",
}
_ONE |= {"s_of": "", "I": "I", "me": "me", "my": "my", "am": "am"}
_TWO = {
    "s": "",
    "es": "",
    "pl": "s",
    "is": "are",
    "was": "were",
    "has": "have",
    "does": "do",
    "tries": "try",
}
_TWO |= {"s_of": "s", "I": "we", "me": "us", "my": "our", "am": "are"}
_PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "self": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "self": "herself"},
    "they": {"he": "they", "him": "them", "his": "their", "self": "themselves"},
    "it": {"he": "it", "him": "it", "his": "its", "self": "itself"},
}
_GIRLS, _MALE = (
    [
        name
        for name in NAMES
        if (name in _WORDS["girls"]) is girl and name not in _WORDS["helped_by"]
    ]
    for girl in (True, False)
)
_OPENINGS = ["one day", "one day", "one morning", "one evening", "one summer day"]


_SEXES = {"cow": "she", "hen": "she", "rooster": "he", "bull": "he", "ox": "he", "peacock": "he"}


@dataclass
class Hero:
    """The one or the two that a story is about."""

    noun: str
    phrase: str
    name: str
    pronoun: str
    thing: bool = False
    big: bool = False


def _article(words: str) -> str:
    """Put the article that one hears before the words."""
    if words.startswith(("uni", "ukulele")):
        return f"a {words}"
    return f"an {words}" if words.startswith("honest") else with_article(words)


def _described(rng: random.Random, noun: str, adjectives: list[str], chance: float = 0.55) -> str:
    """Put an adjective before the noun, often."""
    adjective = rng.choice(adjectives)
    told = adjective.split()[-1] in noun or noun.startswith(("old", "young", "little"))
    if rng.random() < chance and not told:
        return f"{adjective} {noun}"
    return noun


def _named(rng: random.Random, pronoun: str) -> str:
    """Choose a name that goes with the pronoun."""
    return rng.choice(_GIRLS if pronoun == "she" else _MALE)


def _helper_name(rng: random.Random, pronoun: str) -> str:
    """Choose the name of a helper, which no hero bears."""
    girl = pronoun == "she"
    names: list[str] = _WORDS["helped_by"]
    return rng.choice([name for name in names if (name in _WORDS["girls"]) is girl])


def same_sex(hero: Hero) -> list[str]:
    """Give the names that the hero may have."""
    return _GIRLS if hero.pronoun == "she" else _MALE


def animal(rng: random.Random) -> Hero:
    """Choose an animal or somebody else who may be a he or a she."""
    noun = rng.choice(_WORDS["animals" if rng.random() < 0.65 else "people"])
    pronoun = rng.choice(["he", "she"])
    return _single(rng, noun, pronoun)


def _single(rng: random.Random, noun: str, pronoun: str) -> Hero:
    """Make a hero out of a noun."""
    pronoun = _SEXES.get(noun, pronoun)
    kind = "adjectives" if noun in _WORDS["animals"] else "human_adjectives"
    phrase = _article(_described(rng, noun, _WORDS[kind]))
    return Hero(noun, phrase, _named(rng, pronoun), pronoun)


def _pair(rng: random.Random) -> Hero:
    """Choose two heroes, of one kind or of two."""
    girl, boy = _named(rng, "she"), _named(rng, "he")
    if rng.random() < 0.4:
        one, two = rng.sample(_WORDS["animals"], 2)
        both = f"{_article(one)} and {_article(two)}"
        return Hero("friends", both, f"{boy} and {girl}", "they")
    if rng.random() < 0.25:
        child, pet = (
            rng.choice(["boy", "girl"]),
            rng.choice(_WORDS["youngs"] + ["dog", "cat", "horse"]),
        )
        name, his = (boy, "his") if child == "boy" else (girl, "her")
        other = rng.choice([other for other in _GIRLS + _MALE if other != name])
        told = rng.choice([child, f"{child} named {name}", f"{child} called {name}"])
        return Hero("friends", f"a {told} and {his} {pet}", f"{name} and {other}", "they")
    noun = rng.choice(_WORDS["pairs"])
    names = [girl, boy]
    if noun in ("sisters", "girls", "old women"):
        names = rng.sample(_GIRLS, 2)
    elif noun in ("brothers", "boys", "old men", "princes"):
        names = rng.sample(_MALE, 2)
    described = _described(rng, noun, _WORDS["human_adjectives"], 0.35)
    return Hero(noun, f"two {described}", " and ".join(names), "they")


def any_hero(rng: random.Random) -> Hero:
    """Choose whom the story is about."""
    chance = rng.random()
    if chance < 0.5:
        return animal(rng)
    if chance < 0.7:
        pronoun = rng.choice(["he", "she"])
        return _single(rng, rng.choice(_WORDS["men" if pronoun == "he" else "women"]), pronoun)
    if chance < 0.82:
        return _pair(rng)
    big = rng.random() < 0.25
    noun = rng.choice(_WORDS["big_things" if big else "things"])
    phrase = _described(rng, noun, _WORDS["thing_adjectives"])
    return Hero(noun, _article(phrase), f"the {noun}", "it", thing=True, big=big)


def slots(rng: random.Random, hero: Hero) -> Slots:
    """Choose all the words that a plot may need."""
    plural = hero.pronoun == "they"
    words = {**(_TWO if plural else _ONE), **_PRONOUNS[hero.pronoun]}
    words |= {"noun": hero.noun, "a_hero": hero.phrase, "name": hero.name}
    words["the_hero"] = f"the {'two ' if plural else ''}{hero.noun}"
    words["home"] = rng.choice(_WORDS["thing_homes" if hero.thing else "homes"])
    words["near"] = rng.choice(_WORDS["nears"])
    words["place"] = rng.choice(_WORDS["places"])
    words["tail"], words["when"] = rng.choice(_WORDS["whens"]), rng.choice(_OPENINGS)
    helper = rng.choice([noun for noun in _WORDS["helpers"] if noun not in hero.phrase])
    words["helper_noun"] = helper
    words["a_helper"] = _article(f"{rng.choice(_WORDS['helper_adjectives'])} {helper}")
    beings = _WORDS["animals"] + _WORDS["people"]
    other = rng.choice([noun for noun in beings if noun not in hero.phrase])
    words["other_noun"] = other
    words["a_other"] = _article(_described(rng, other, _WORDS["human_adjectives"], 0.7))
    pronoun = rng.choice(["he", "she"])
    words |= {f"h{key}": value for key, value in _PRONOUNS[pronoun].items()}
    words["helper_name"] = _helper_name(rng, pronoun)
    words["object"] = rng.choice(_WORDS["objects"])
    words["build"] = rng.choice(_WORDS["builds"])
    words["do"], words["doing"] = rng.choice(_WORDS["skills"]).split("|")
    words["go"], words["going"] = rng.choice(_WORDS["goals"]).split("|")
    words["quirk"], words["quirked"], words["quirk_base"] = rng.choice(_WORDS["quirks"]).split("|")
    for key in ("fear", "plant", "food", "weather", "shop", "job", "young", "love", "cake"):
        words[key] = rng.choice(_WORDS[f"{key}s"])
    words["break"] = rng.choice(_WORDS["breakables"])
    _describe(rng, words)
    return words


def _describe(rng: random.Random, words: Slots) -> None:
    """Add the articles and the adjectives of the things."""
    words["obj"] = _described(rng, words["object"], _WORDS["object_adjectives"], 0.85)
    words["a_obj"] = _article(words["obj"])
    words["a_build"], words["a_plant"] = _article(words["build"]), _article(words["plant"])
    words["a_job"], words["a_cake"] = _article(words["job"]), _article(words["cake"])
    words["ies"] = "y" if words["s"] == "" else "ies"
    verb, many = rng.choice(_WORDS["verbs"]).format_map(words), rng.choice(_WORDS["many"])
    words["any"] = f"{verb} {many} {rng.choice(_WORDS['spots'])}".strip()
    words["that"] = "who"
    words["city"] = rng.choice(CITIES)
    words["dest"] = words["city"] if rng.random() < 0.7 else rng.choice(_WORDS["places"])


def fits(plot: str, hero: Hero, words: Slots) -> bool:
    """Whether the plot makes sense with the words; put those right that only this plot needs."""
    noun, nouns = hero.noun, hero.phrase.split()
    if words["helper_name"] in hero.name or words["helper_noun"] == words["other_noun"]:
        return False
    if plot == "honest":
        words["obj"] = words["obj"].replace(words["object"], words["break"])
        words["object"], words["a_obj"] = words["break"], _article(words["obj"])
    if plot == "door" and words["place"] not in _WORDS["walls"]:
        return False
    if plot in ("sleep", "noise", "star") and words["when"] in _OPENINGS:
        words["when"] = "one night"
    if plot in ("meet", "help"):
        words["a_helper"], words["helper_noun"] = words["a_other"], words["other_noun"]
    words["the_helper"] = f"the {words['helper_noun']}"
    stem = {"mouse": "mice", "wolf": "wolves"}.get(noun, noun)
    clashes = {
        "learn": (words["do"] == "fly" and bool(_FLYERS & {noun, *nouns}))
        or (words["do"] in ("swim", "dive") and bool(_SWIMMERS & {noun, *nouns})),
        "fear": bool({"brave"} & {*nouns})
        or stem in words["fear"]
        or words["helper_noun"] in words["fear"]
        or (noun == "lighthouse keeper" and words["fear"] == "the dark"),
        "go": (noun == "snail" and "travel" in words["go"]) or noun in words["go"],
        "meet": hero.pronoun == "they",
        "moves": hero.pronoun == "they",
        "become": hero.pronoun == "they" or noun == words["job"],
        "visit": words["dest"] == words["place"],
        "foundling": words["young"] in noun,
        "thing_help": hero.big,
        "build": noun in words["build"] or (noun == "brothers" and "boat" in words["build"]),
        "quirk": noun in ("clock", "alarm clock", "watch") and "backwards" in words["quirk"],
        "thing_go": hero.big,
        "thing_lost": hero.big,
        "small": bool({"big", "tall", "fat", "giant", "elephant", "elephants", "whale"} & {*nouns}),
        "lazy": "busy" in nouns,
        "race": words["place"] == "the village square",
        "sad": bool({"happy", "cheerful", "funny"} & {*nouns}),
        "find": noun == "dog" and words["object"] == "ball",
    }
    return not clashes.get(plot, False)


def place(rng: random.Random) -> str:
    """Choose a place, as "the mill"."""
    return str(rng.choice(_WORDS["places"]))


def someone(rng: random.Random, more: list[str]) -> tuple[str, str]:
    """Choose what the hero of a little story is, and a pronoun that fits."""
    chance = rng.random()
    if chance < 0.12:
        return rng.choice(_WORDS["things"]), "it"
    if chance < 0.24:
        pronoun = rng.choice(["he", "she"])
        return rng.choice(_WORDS["men" if pronoun == "he" else "women"]), pronoun
    noun = rng.choice([_WORDS["animals"], _WORDS["people"], more][rng.randrange(3)])
    return noun, _SEXES.get(noun, rng.choice(["he", "she"]))
