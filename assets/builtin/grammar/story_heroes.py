"""Who a story is about: animals, things and people, alone or two together, with their names."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
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


def name_for(rng: random.Random, pronoun: str) -> str:
    """Choose a name that goes with the pronoun."""
    if pronoun == "it":
        pronoun = rng.choice(("he", "she"))
    return str(rng.choice(WORDS[f"names_{pronoun}"]))


def any_hero(rng: random.Random, other: Hero | None = None) -> Hero:
    """Choose somebody who is not the other one and is not called as the other one."""
    while True:
        chance = rng.random()
        if chance < 0.6:
            noun, pronoun = rng.choice(WORDS["animals"]), "it"
        elif chance < 0.73:
            noun, pronoun = rng.choice(WORDS["things"]), "it"
        elif chance < 0.88:
            pronoun = rng.choice(("he", "she"))
            noun = rng.choice(WORDS["men" if pronoun == "he" else "women"])
        else:
            noun, pronoun = rng.choice(WORDS["people"]), rng.choice(("he", "she"))
        described = noun
        if rng.random() < 0.35 and not noun.startswith(("old", "young")):
            chosen = WORDS["adjectives" if pronoun == "it" else "human_adjectives"]
            described = f"{rng.choice(chosen)} {noun}"
        hero = Hero(noun, described, name_for(rng, pronoun), pronoun)
        if other is None or not ({noun, hero.name} & {other.noun, other.name}):
            return hero


def two_heroes(rng: random.Random) -> tuple[Hero, Hero]:
    """Choose two who share a story: of two kinds, or a child and its pet."""
    if rng.random() < 0.2:
        pronoun = rng.choice(("he", "she"))
        noun = "boy" if pronoun == "he" else "girl"
        one = Hero(noun, noun, name_for(rng, pronoun), pronoun)
        pet = rng.choice(WORDS["pets"])
        two = one
        while two.name == one.name:
            two = Hero(pet, pet, name_for(rng, "it"), "it", PRONOUNS[pronoun]["his"])
        return one, two
    one = any_hero(rng)
    return one, any_hero(rng, one)


def helper(rng: random.Random, taken: set[str]) -> str:
    """Choose who helps, as "old owl": nobody that the story or its request speaks of."""
    while True:
        described = str(rng.choice(WORDS["helpers"]))
        noun = described.split()[-1]
        if not taken & {noun, plural(noun), *described.split()}:
            return described
