"""The schemes of stories, and a story told by one of them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .story_heroes import PRONOUNS, Hero, an, any_hero, helper, two_heroes
from .summaries import upper

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
LISTS: dict[str, list[str]] = _DATA["lists"]
PLOTS: list[dict[str, Any]] = _DATA["plots"]
PAIRS: list[dict[str, Any]] = _DATA["pairs"]
OPEN = [plot for plot in PLOTS if "words" in plot]
"""The schemes that take the user's own words."""
_AT_SEA = ("whale", "dolphin", "shark", "fish", "goldfish", "octopus", "crab", "seal", "mermaid")
CLOSED = [plot for plot in PLOTS if "words" not in plot]


@dataclass(frozen=True)
class Story:
    """A scheme with its hero and its helper, or with its two heroes."""

    plot: dict[str, Any]
    hero: Hero
    helper: str
    x: str
    other: Hero | None = None
    twins: str = ""
    """What the two heroes are if they are of one kind, as "brothers"."""

    def fill(self, text: str) -> str:
        """Put the words into a sentence."""
        x, _, doing = self.x.partition("|")
        hero, noun = self.hero, self.helper.split(" ")[-1]
        words = {**PRONOUNS[hero.pronoun], "x": x, "a x": an(x or "x"), "doing": doing}
        words |= {"noun": hero.described, "name": hero.name, "the": hero.known}
        words |= {"help": an(self.helper or "x"), "helper": f"the {noun}"}
        if self.other:
            both = f"the two {self.twins}" if self.twins else f"{hero.known} and {self.other.known}"
            words |= {"one": hero.name, "two": self.other.name, "both": both}
        words |= {upper(key): upper(value) for key, value in words.items()}
        return re.sub(r"\{([\w ]+)\}", lambda match: words[match[1]], text)

    @property
    def who(self) -> str:
        """Who the story is about, with names."""
        if self.twins and self.other:
            return f"two {self.twins} called {self.hero.name} and {self.other.name}"
        return f"{self.hero.called} and {self.other.called}" if self.other else self.hero.called

    @property
    def names(self) -> str:
        """The names of those the story is about."""
        return f"{self.hero.name} and {self.other.name}" if self.other else self.hero.name

    @property
    def opening(self) -> str:
        """The first sentence."""
        return f"Once upon a time there {'were' if self.other else 'was'} {self.who}."

    @property
    def end(self) -> str:
        """The last sentence."""
        return f"In the end {self.fill(self.plot['end'])}."

    @property
    def rest(self) -> str:
        """The story without its first sentence."""
        state = f"{self.names} {self.fill(self.plot['state'])}."
        return " ".join(
            [state, self.fill(self.plot["trouble"]), self.fill(self.plot["turn"]), self.end]
        )

    @property
    def whole(self) -> str:
        """The whole story."""
        return f"{self.opening} {self.rest}"

    @property
    def three(self) -> str:
        """The story in three sentences."""
        return f"{self.opening} {self.names} {self.fill(self.plot['state'])}. {self.end}"

    @property
    def two(self) -> str:
        """The story in two sentences."""
        return f"{upper(self.who)} {self.fill(self.plot['state'])}. {self.end}"


def deed(rng: random.Random, two: bool = False) -> str:
    """Choose what somebody does, or what two do, with something: now | in the past."""
    now, past = rng.choice(LISTS["verb"]).split("|")
    if two:
        verb, _, particle = now.partition(" ")
        verb = f"{verb[:-3]}y" if verb.endswith("ies") else re.sub(r"(?<=ch)es$|s$", "", verb)
        now = f"{verb} {particle}".strip()
    rest = f"{rng.choice(LISTS['many'])} {rng.choice(LISTS['tail'])}".strip()
    return f"{now} {rest}|{past} {rest}"


def word_for(rng: random.Random, plot: dict[str, Any]) -> str:
    """Choose the words that the scheme takes."""
    if "words" not in plot:
        return ""
    if plot["words"] in ("deed", "deed of two"):
        return deed(rng, plot["words"] != "deed")
    return rng.choice(LISTS[plot["words"]])


def trait_plot(hero: Hero) -> dict[str, Any] | None:
    """Give the scheme that an adjective of the hero calls for, as one of a "lonely robot"."""
    state = _DATA["traits"].get(hero.described.split(" ")[0])
    return next((plot for plot in CLOSED if plot["state"] == state), None)


def story_of(rng: random.Random, plot: dict[str, Any], hero: Hero | None = None) -> Story:
    """Tell by this scheme, of this hero or of any."""
    while True:
        one = hero or any_hero(rng)
        if "words" not in plot and rng.random() < 0.6:
            plot = trait_plot(one) or plot
        x = word_for(rng, plot)
        plain = x.partition("|")[0]
        wet = (
            plot["state"].endswith((" sea", " water", " storm", " forest")) and one.noun in _AT_SEA
        )
        big = plot["state"] == "wanted to be big" and one.described.startswith(("big", "fat"))
        if big or wet or one.noun in plain or one.noun in plot["state"]:
            if hero is None or "words" in plot:
                continue
            plot = rng.choice(CLOSED)
            continue
        taken = set(f"{one.described} {plain} {plot['state']}".split())
        return Story(plot, one, helper(rng, taken), x)


def story_of_two(rng: random.Random, twins: str = "", names: tuple[str, str] = ("", "")) -> Story:
    """Tell of two heroes, or of two of one kind with these names."""
    while True:
        plot = rng.choice(PAIRS)
        x = word_for(rng, plot)
        if twins:
            one, two = (Hero(twins, twins, name, "it") for name in names)
        else:
            one, two = two_heroes(rng)
        if one.noun in x or two.noun in x or (twins and twins in x):
            continue
        return Story(plot, one, "", x, two, twins)
