"""The schemes of stories, and a story told by one of them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .story_finds import find_plot
from .story_heroes import (
    PRONOUNS,
    WORDS,
    Hero,
    an,
    any_hero,
    fixed,
    helper,
    hero_of,
    plural,
    two_heroes,
)
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
_CLOSED_PAIRS = [plot for plot in PAIRS if "words" not in plot]
_FAMILY = (
    "brothers",
    "sisters",
    "twins",
    "friends",
    "best friends",
    "brother",
    "sister",
    "king",
    "big brother",
)
_OF_TWO = re.compile(r"\b(both|half|two)\b(?!})", re.IGNORECASE)
"""What is not said of three."""


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
    third: str = ""
    """The name of the third of three."""

    def fill(self, text: str) -> str:
        """Put the words into a sentence."""
        x, _, doing = self.x.partition("|")
        hero, noun = self.hero, self.helper.split(" ")[-1]
        words = {**PRONOUNS[hero.pronoun], "x": x, "a x": an(x or "x"), "doing": doing}
        words |= {"noun": hero.described, "name": hero.name, "the": hero.known}
        words |= {"help": an(self.helper or "x"), "helper": f"the {noun}"}
        if self.other:
            both = f"{hero.known} and {self.other.known}"
            both = f"the {self.group}" if self.twins else both
            words |= {"one": hero.name, "two": self.other.name, "both": both, "the": both}
            words |= {"he": "they", "him": "them", "his": "their"}
        words |= {
            "names": self.names,
            "they": words["he"],
            "them": words["him"],
            "their": words["his"],
        }
        words |= {key: words[key].replace("{his}", words["his"]) for key in ("x", "doing")}
        words |= {upper(key): upper(value) for key, value in words.items()}
        return re.sub(r"\{([\w ]+)\}", lambda match: words[match[1]], text)

    @property
    def group(self) -> str:
        """The two or three of one kind."""
        if self.twins == "twins":
            return self.twins
        return f"{'three' if self.third else 'two'} {self.twins}"

    @property
    def who(self) -> str:
        """Who the story is about, with names."""
        if self.twins and self.other:
            return f"{self.group} called {self.names}"
        return f"{self.hero.called} and {self.other.called}" if self.other else self.hero.called

    @property
    def names(self) -> str:
        """The names of those the story is about."""
        if self.other and self.third:
            return f"{self.hero.name}, {self.other.name} and {self.third}"
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

    @property
    def one(self) -> str:
        """The story in one sentence."""
        end = self.fill(self.plot["end"])
        return f"{upper(self.who)} {self.fill(self.plot['state'])}, and in the end {end}."


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
    if plot["words"] == "find":
        return str(plot["x"])
    if plot["words"] in ("deed", "deed of two"):
        return deed(rng, plot["words"] != "deed")
    return rng.choice(LISTS[plot["words"]])


def trait_plot(hero: Hero) -> dict[str, Any] | None:
    """Give the scheme that an adjective of the hero calls for, as one of a "lonely robot"."""
    state = _DATA["traits"].get(hero.described.split(" ")[0])
    return next((plot for plot in CLOSED if plot["state"] == state), None)


def _told(plot: dict[str, Any]) -> str:
    """Give the whole text of a scheme."""
    return " ".join(plot[part] for part in ("state", "trouble", "turn", "end"))


def _fits(plot: dict[str, Any], hero: Hero, plain: str = "") -> bool:
    """Tell whether a scheme makes sense for this hero."""
    state = plot["state"]
    if state.endswith((" sea", " water", " storm", " forest")) and hero.noun in _AT_SEA:
        return False
    if state == "wanted to be big" and hero.described.startswith(("big", "fat")):
        return False
    told = set(re.findall(r"\w+", _told(plot) if plot.get("words") == "find" else state))
    told |= set(plain.split())
    return not told & {hero.noun, plural(hero.noun), hero.noun.split(" ")[-1]}


def plot_for(hero: Hero) -> dict[str, Any]:
    """Give the scheme for a hero of whom nothing else is said: always the same."""
    trait = trait_plot(hero)
    if trait and _fits(trait, hero):
        return trait
    at = fixed(hero.noun, len(CLOSED))
    return next(plot for plot in CLOSED[at:] + CLOSED[:at] if _fits(plot, hero))


def usual_hero(plot: dict[str, Any], x: str = "") -> Hero:
    """Give the hero of a story of which only the theme is said: always the same."""
    usual = [hero_of(*one.split("|")) for one in WORDS["usual"]]
    at = fixed(plot.get("it", plot["state"] + x), len(usual))
    return next(hero for hero in usual[at:] + usual[:at] if _fits(plot, hero, x.partition("|")[0]))


def next_plot(plot: dict[str, Any]) -> dict[str, Any]:
    """Give the scheme of the story that follows when another one is asked for."""
    if plot in CLOSED:
        return CLOSED[(CLOSED.index(plot) + 1) % len(CLOSED)]
    return CLOSED[fixed(plot.get("it", plot["state"]), len(CLOSED))]


def story_of(rng: random.Random, plot: dict[str, Any], hero: Hero | None = None) -> Story:
    """Tell by this scheme, of this hero or of any."""
    while True:
        one = hero or any_hero(rng)
        x = word_for(rng, plot)
        plain = x.partition("|")[0]
        if not _fits(plot, one, plain):
            if hero and "words" not in plot:
                plot = plot_for(hero)
            elif hero and plot["words"] == "find":
                plot = find_plot(rng)
            continue
        return Story(plot, one, helper_for(plot, one, plain), x)


def helper_for(plot: dict[str, Any], hero: Hero, plain: str) -> str:
    """Give who helps this hero by this scheme."""
    return helper(plot["end"], set(f"{hero.described} {plain} {plot['state']}".split()))


def usual_story(rng: random.Random, plot: dict[str, Any]) -> Story:
    """Tell by this scheme of the hero that goes with it."""
    x = word_for(rng, plot)
    hero = usual_hero(plot, x)
    return Story(plot, hero, helper_for(plot, hero, x.partition("|")[0]), x)


def story_of_two(rng: random.Random, twins: str = "", names: tuple[str, ...] = ()) -> Story:
    """Tell of two heroes, or of two or three of one kind with these names."""
    third = names[2] if len(names) > 2 else ""
    while True:
        if twins:
            one, two = (Hero(twins, twins, name, "it") for name in names[:2])
        else:
            one, two = two_heroes(rng)
        chance = rng.random()
        plot = find_plot(rng, two=True) if chance < 0.3 else rng.choice(PAIRS)
        if chance > 0.65:
            plot = pair_plot(one, two, bool(third))
        x = word_for(rng, plot)
        said = f"{_told(plot)} {x}" if plot.get("words") == "find" else x
        if plot.get("strangers") and _are_close(one, two):
            continue
        if third and _OF_TWO.search(_told(plot)):
            continue
        if re.search(rf"\b({one.noun}|{two.noun})\b", said) or (twins and twins in x):
            continue
        taken = set(f"{one.described} {two.described} {x} {plot['state']}".split())
        return Story(plot, one, helper(plot["end"], taken), x, two, twins, third)


def pair_plot(one: Hero, two: Hero, three: bool = False) -> dict[str, Any]:
    """Give the scheme for two or three of whom nothing else is said: always the same."""
    close = _are_close(one, two)
    plots = [
        plot
        for plot in _CLOSED_PAIRS
        if not (three and _OF_TWO.search(_told(plot))) and not (close and plot.get("strangers"))
    ]
    return plots[fixed(f"{three and 'three '}{one.noun}", len(plots))]


def _are_close(one: Hero, two: Hero) -> bool:
    """Tell whether the two have long known each other."""
    return bool(two.owned) or one.noun in _FAMILY
