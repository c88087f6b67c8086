"""Little stories about any hero and any trouble, or about two heroes, and questions about them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .story_words import BEINGS, place, someone
from .summaries import upper
from .words import Chat, assistant, typed, user, with_article

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his"},
    "she": {"he": "she", "him": "her", "his": "her"},
    "it": {"he": "it", "him": "it", "his": "its"},
}


@dataclass
class _Being:
    """Somebody in a story: what it is, what it is called and how it is spoken of."""

    noun: str
    phrase: str
    name: str
    pronoun: str

    @property
    def called(self) -> str:
        """The one with its name."""
        return f"{self.phrase} called {self.name}"


def _name(rng: random.Random, pronoun: str) -> str:
    """Choose a name, or make one up."""
    if rng.random() < 0.3:
        count = rng.choice((2, 2, 3))
        made = (rng.choice("blmrvz") + rng.choice("aei") for _ in range(count))
        return upper("".join(made)) + rng.choice(("", "", "n", "x", "s"))
    if pronoun == "it":
        pronoun = rng.choice(("he", "she"))
    return str(rng.choice(_DATA[f"names_{pronoun}"]))


def _being(rng: random.Random, other: _Being | None = None) -> _Being:
    """Choose somebody who is not the other one and is not called as the other one."""
    while True:
        noun, pronoun = someone(rng, _DATA["more_nouns"])
        described = noun
        if not noun.startswith(("old", "little", "young")) and rng.random() < 0.25:
            described = f"{rng.choice(_DATA['adjectives'])} {noun}"
        one = _Being(noun, with_article(described), _name(rng, pronoun), pronoun)
        if other is None or not ({one.noun, one.name} & {other.noun, other.name}):
            return one


@dataclass
class _Little:
    """A little story: its hero and helper, or its two heroes."""

    plot: dict[str, Any]
    hero: _Being
    helper: _Being
    x: str
    place: str

    def fill(self, text: str) -> str:
        """Put the words into a sentence."""
        x, _, doing = self.x.partition("|")
        hero = self.hero
        words = {**_PRONOUNS[hero.pronoun], "x": x, "doing": doing, "place": self.place}
        words |= {"a x": with_article(x or "x"), "noun": hero.noun, "name": hero.name}
        words |= {"a noun": with_article(hero.noun), "one": hero.name, "two": self.helper.name}
        words |= {upper(key): upper(value) for key, value in words.items()}
        return re.sub(r"\{([\w ]+)\}", lambda match: words[match[1]], text)

    @property
    def pair(self) -> bool:
        """Whether two heroes share the story."""
        return "help" not in self.plot

    @property
    def whole(self) -> str:
        """The whole story."""
        plot, hero, helper = self.plot, self.hero, self.helper
        if self.pair:
            opening = f"Once upon a time there were {hero.called} and {helper.called}."
            parts = [plot["state"], plot["trouble"], plot["turn"], plot["end"]]
        else:
            opening = f"Once upon a time there was {hero.called}."
            told = "Then" if "One day" in plot["trouble"] else "One day"
            met = f"{told} {helper.called} {plot['help']}"
            parts = [f"{{name}} {plot['state']}.", plot["trouble"], met, plot["turn"], plot["end"]]
        return " ".join([opening, *map(self.fill, parts)])

    @property
    def three(self) -> str:
        """The story in three sentences."""
        plot = self.plot
        if self.pair:
            both = f"There were once {self.hero.called} and {self.helper.called}."
            return f"{both} {self.fill(plot['state'])} {self.fill(plot['end'])}"
        first = self.fill(f"{upper(self.hero.called)} {plot['state']}.")
        helped = self.fill(f"One day {self.helper.called} came and helped {{name}}.")
        return f"{first} {helped} {self.fill(plot['end'])}"

    @property
    def two(self) -> str:
        """The story in two sentences."""
        if self.pair:
            both = re.sub(r"\{[Oo]ne\}", self.hero.called, self.plot["state"], count=1)
            both = both.replace("{two}", self.helper.called, 1)
            return f"{upper(self.fill(both))} {self.fill(self.plot['end'])}"
        first = self.fill(f"{upper(self.hero.called)} {self.plot['state']}.")
        return f"{first} {self.fill(self.plot['end'])}"


def _draw(rng: random.Random, hero: _Being | None = None, pair: bool | None = None) -> _Little:
    """Choose a plot and all its words."""
    shared = rng.random() < 0.3 if pair is None else pair
    hero = hero or _being(rng)
    helper = _being(rng, hero)
    while not shared and helper.noun not in BEINGS:
        helper = _being(rng, hero)
    while True:
        plot = rng.choice(_DATA["pairs" if shared else "plots"])
        if not shared and rng.random() < 0.5:
            # The plots that take any word teach to carry words along.
            plot = rng.choice(_DATA["plots"][:8])
        x = rng.choice(_DATA["lists"][plot["words"]]) if "words" in plot else ""
        plain = x.partition("|")[0]
        if hero.noun in plain or helper.noun in plain or plain in (hero.noun, "fly"):
            continue
        if plain == "its own shadow" and hero.pronoun != "it":
            continue
        return _Little(plot, hero, helper, x, place(rng))


def _subject(rng: random.Random, story: _Little) -> str:
    """Say what the story shall be about."""
    plot, hero = story.plot, story.hero
    named = rng.random() < 0.2
    if story.pair:
        both = f"{hero.phrase} and {story.helper.phrase}"
        if named:
            both = f"{hero.called} and {story.helper.called}"
        clause = story.fill(rng.choice(plot["clauses"]))
        return f"{both} who {clause}" if rng.random() < 0.35 else both
    if "topics" in plot and rng.random() < 0.3:
        return story.fill(rng.choice(plot["topics"]))
    who = hero.called if named else hero.phrase
    chance = rng.random()
    if chance < 0.04 and hero.noun[-1] not in "sxyfhe":
        return f"{hero.noun}s"
    if 0.04 <= chance < 0.08 and hero.noun in BEINGS:
        return f"my {hero.noun} {hero.name}"
    if chance < 0.16:
        return who
    if chance < 0.25 and "bare" in plot:
        return story.fill(f"{who} {rng.choice(plot['bare'])}")
    return story.fill(f"{who} {rng.choice(('who', 'who', 'that'))} {rng.choice(plot['clauses'])}")


def _answers(story: _Little) -> dict[str, str]:
    """Answer what may be asked about a story."""
    hero, helper = story.hero, story.helper
    state = story.plot["state"]
    answers = {
        "next": f"The next day {hero.name} and {helper.name} had a big breakfast together, "
        "and then they set off for a new adventure.",
        "happy": f"Here is a happy ending: {story.fill(story.plot['end'])} "
        f"{hero.name} and {helper.name} celebrated with a big cake, "
        "and they lived happily ever after.",
        "sad": f"Here is a sad ending: One day {helper.name} had to go far away. "
        f"{hero.name} stood at the window for a long time and waved goodbye.",
        "shorter": story.two,
        "thanks": f"You are welcome! I am glad that you like the story about {hero.name}.",
        "title": f"A good title is **{hero.name} and {helper.name}**.",
        "name": f"The {hero.noun} was called {hero.name}.",
    }
    if story.pair:
        return answers | {"who": f"It was about {hero.called} and {helper.called}."}
    return answers | {
        "who": f"It was about {hero.called}.",
        "helper": f"{upper(helper.called)} helped {hero.name}.",
        "why": f"{hero.name} {story.fill(state)}.",
        "moral": f"The story shows us that {story.plot['moral']}.",
    }


def _renamed(rng: random.Random, story: _Little, kind: str) -> tuple[_Little, str]:
    """Give the hero another name or put another hero in the same story."""
    other = _being(rng, story.helper)
    if kind == "rename":
        return replace(story, hero=replace(story.hero, name=other.name)), other.name
    changed = replace(story, hero=other)
    return changed, other.phrase


def little_story(rng: random.Random) -> Chat:
    """Ask for a little story of some length, and for something about it."""
    story = _draw(rng)
    chance = rng.random()
    subject, text = _subject(rng, story), story.whole
    if chance < 0.09:
        ask, text = rng.choice(_DATA["asks_three"]), story.three
    elif chance < 0.18:
        ask, text = rng.choice(_DATA["asks_two"]), story.two
    elif chance < 0.25:
        ask = rng.choice(_DATA["asks_any"])
    else:
        ask = rng.choice(_DATA["asks"])
    asked = ask.format(s=subject, l=rng.choice(_DATA["lengths"]))
    chat = [user(typed(rng, upper(asked))), assistant(text)]
    done = {"shorter"} if chance < 0.18 else set[str]()
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        answers = _answers(story)
        kinds = [*answers, "name", "another", "other_hero", "rename"]
        if story.pair:
            kinds = [one for one in kinds if one != "other_hero"]
        kind = rng.choice([one for one in kinds if one not in done])
        done.add(kind)
        slots = {"y": "", "new": ""}
        if kind == "another":
            story = _draw(rng)
            answers[kind] = story.whole
        elif kind in ("other_hero", "rename"):
            noun = story.hero.noun
            story, word = _renamed(rng, story, kind)
            slots = {"y": word, "new": word, "noun": noun}
            answers[kind] = story.whole
        said = rng.choice(_DATA["follow"][kind])
        said = said.replace("{y}", slots["y"]).replace("{new}", slots["new"])
        said = said.replace("{noun}", slots.get("noun", "{noun}"))
        chat += [user(typed(rng, story.fill(said))), assistant(answers[kind])]
    return chat
