"""Who a story is about: animals, things and people, alone or two together, with their names."""

from __future__ import annotations

import tomllib
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .words import with_article

if TYPE_CHECKING:
    import random

WORDS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("stories.toml").read_text(encoding="utf-8")
)
PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his"},
    "she": {"he": "she", "him": "her", "his": "her"},
    "it": {"he": "it", "him": "it", "his": "its"},
}
_ANIMALS = 0.6
"""How many heroes are animals."""
_PLURALS = {
    "mouse": "mice",
    "wolf": "wolves",
    "goose": "geese",
    "leaf": "leaves",
    "sheep": "sheep",
    "deer": "deer",
    "reindeer": "reindeer",
    "moose": "moose",
    "fish": "fish",
    "goldfish": "goldfish",
    "man": "men",
    "old man": "old men",
    "young man": "young men",
    "woman": "women",
    "old woman": "old women",
    "child": "children",
    "postman": "postmen",
    "snowman": "snowmen",
    "elf": "elves",
    "potato": "potatoes",
    "T. rex": "T. rexes",
}


def an(words: str) -> str:
    """Put the article that one hears before the words."""
    return f"a {words}" if words.startswith("uni") else with_article(words)


def plural(noun: str) -> str:
    """Say more than one."""
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


@dataclass(frozen=True)
class Hero:
    """Somebody in a story: what it is, how the user describes it, its name and its pronoun."""

    noun: str
    described: str
    name: str
    pronoun: str
    owned: str = ""
    """Whose it is, as "his", when it belongs to the other hero."""

    @property
    def phrase(self) -> str:
        """The one as it comes into a story."""
        return f"{self.owned} {self.described}" if self.owned else an(self.described)

    @property
    def called(self) -> str:
        """The one with its name."""
        return f"{self.phrase} called {self.name}"

    @property
    def known(self) -> str:
        """The one that the story has already spoken of."""
        return f"{self.owned or 'the'} {self.described} {self.name}"


def fixed(words: str, of: int) -> int:
    """Choose a number below `of` that always is the same for the same words."""
    return zlib.crc32(words.encode()) % of


def fixed_name(words: str, pronoun: str) -> str:
    """Give the name that one who is described so always has."""
    if pronoun == "it":
        pronoun = ("he", "she")[fixed(words, 2)]
    names = WORDS[f"names_{pronoun}"]
    return str(names[fixed(words, len(names))])


def name_for(rng: random.Random, pronoun: str) -> str:
    """Choose a name that goes with the pronoun."""
    if pronoun == "it":
        pronoun = rng.choice(("he", "she"))
    return str(rng.choice(WORDS[f"names_{pronoun}"]))


def hero_of(described: str, pronoun: str, noun: str = "") -> Hero:
    """Make a hero of a description, with the name that always goes with it."""
    noun = noun or (described.removeprefix("little "))
    return Hero(
        noun, described, fixed_name(noun if pronoun == "it" else described, pronoun), pronoun
    )


def any_hero(rng: random.Random, other: Hero | None = None) -> Hero:
    """Choose somebody who is not the other one and is not called as the other one."""
    while True:
        chance = rng.random()
        if chance < _ANIMALS:
            noun, pronoun = rng.choice(WORDS["animals"]), "it"
        elif chance < 0.7:
            noun, pronoun = rng.choice(WORDS["things"]), "it"
        elif chance < 0.88:
            pronoun = rng.choice(("he", "she"))
            noun = rng.choice(WORDS["men" if pronoun == "he" else "women"])
        else:
            noun = rng.choice(WORDS["people"])
            pronoun = ("he", "she")[WORDS["people"].index(noun) % 2]
        described = noun
        if rng.random() < 0.35 and not noun.startswith(("old", "young")):
            chosen = WORDS["adjectives" if pronoun == "it" else "human_adjectives"]
            if chance < _ANIMALS and rng.random() < 0.2:
                chosen = WORDS["animal_adjectives"]
            described = f"{rng.choice([one for one in chosen if one != noun])} {noun}"
        hero = hero_of(described, pronoun, noun=noun)
        if other is None or not ({noun, hero.name} & {other.noun, other.name}):
            return hero


def pair_names(words: str, one: str, two: str) -> tuple[str, str]:
    """Give two names that always go together, for these pronouns."""
    forms = [("he", "she")[fixed(words, 2)] if form == "it" else form for form in (one, two)]
    pairs = WORDS["pair_names"][" ".join(forms)]
    first, second = pairs[fixed(words, len(pairs))].split()
    return first, second


def partner_name(name: str, pronoun: str) -> str:
    """Give the name that the other one always has beside one whom the user has named."""
    for forms, pairs in WORDS["pair_names"].items():
        for first, second in map(str.split, pairs):
            if first == name and pronoun in ("it", forms.split()[1]):
                return str(second)
    names = WORDS[f"names_{('he', 'she')[fixed(name, 2)] if pronoun == 'it' else pronoun}"]
    return str([one for one in names if one != name][fixed(name, len(names) - 1)])


def two_heroes(rng: random.Random) -> tuple[Hero, Hero]:
    """Choose two who share a story: a child and its pet, two of a family, or of two kinds."""
    chance = rng.random()
    if chance < 0.2:
        pronoun = rng.choice(("he", "she"))
        noun = "boy" if pronoun == "he" else "girl"
        if rng.random() < 0.25:
            noun = f"{rng.choice(WORDS['human_adjectives'])} {noun}"
        pet, name = rng.choice(list(WORDS["pet_names"].items()))
        return hero_of(noun, pronoun), Hero(pet, pet, name, "it", PRONOUNS[pronoun]["his"])
    owned = ""
    if chance < 0.6:
        noun, form, other, other_form, own = rng.choice(WORDS["relations"]).split("|")
        if own == "own" or (own and rng.random() < 0.5):
            owned = PRONOUNS[form]["his"]
        one, two = Hero(noun, noun, "", form), Hero(other, other, "", other_form, owned)
    else:
        one = any_hero(rng)
        two = any_hero(rng, one)
    names = pair_names(one.noun, one.pronoun, two.pronoun)
    return replace(one, name=names[0]), replace(two, name=names[1])


def helper(scheme: str, taken: set[str]) -> str:
    """Give who helps by this scheme, as "old owl": nobody that the story or its request names."""
    helpers = WORDS["helpers"]
    at = fixed(scheme, len(helpers))
    for described in helpers[at:] + helpers[:at]:
        noun = described.split()[-1]
        if not taken & {noun, plural(noun), *described.split()}:
            return str(described)
    return str(helpers[at])
