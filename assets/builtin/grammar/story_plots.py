"""The plots of stories: they tell one with the words that were chosen for it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from .story_words import Hero, Slots

PLOTS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("story_plots.toml").read_text(encoding="utf-8")
)
ENDS: dict[str, Any] = PLOTS.pop("ends")


def tell(rng: random.Random, line: str, words: Slots) -> str:
    """Say a sentence, or several, in one of its variants."""
    text = rng.choice(line.split(" / ")).format_map(words)
    text = text[:1].upper() + text[1:]
    return re.sub(r'([.!?] |: ")([a-z])', lambda found: found[1] + found[2].upper(), text)


def _paragraphs(rng: random.Random, text: str, words: Slots) -> list[str]:
    """Say every line, the sentences of a paragraph behind each other."""
    blocks = text.strip().replace("\n/ ", " / ").replace("\n  ", " ").split("\n\n")
    return [" ".join(tell(rng, line, words) for line in block.split("\n")) for block in blocks]


@dataclass
class Story:
    """A plot with its hero and all its words."""

    rng: random.Random
    plot: str
    hero: Hero
    words: Slots
    subject: str

    @property
    def rest(self) -> str:
        """The story without its first sentence."""
        if self.hero.thing:
            home = "Its home was {home} {near}."
        else:
            home = "{name} lived in {home} {near}."
        words = {**self.words, "home": f"{self.words['home']} {self.words['near']}".strip()}
        home = home.replace(" {near}", "")
        parts = _paragraphs(self.rng, PLOTS[self.plot]["story"], self.words)
        parts[0] = f"{tell(self.rng, home, words)} {parts[0]}"
        return "\n\n".join(parts)

    @property
    def whole(self) -> str:
        """The whole story."""
        who = self.hero.phrase
        if self.hero.noun == "friends" and " and " in self.hero.phrase:
            # Each of two heroes of different kinds has a name at once.
            kinds = re.sub(r" (named|called) \w+", "", self.hero.phrase).split(" and ")
            pairs = zip(kinds, self.words["name"].split(" and "), strict=True)
            who = " and ".join(f"{kind} named {name}" for kind, name in pairs)
        elif not self.hero.thing:
            who = f"{self.hero.phrase} named {self.words['name']}"
        opening = f"Once upon a time there {{was}} {who}."
        return f"{tell(self.rng, opening, self.words)} {self.rest}"

    @property
    def short(self) -> str:
        """The story in three sentences."""
        return _paragraphs(self.rng, PLOTS[self.plot]["short"], self.words)[0]

    @property
    def title(self) -> str:
        """A title, with capital letters."""
        small = {"a", "an", "the", "and", "of", "in", "to", "that", "for"}
        text = PLOTS[self.plot]["title"].format_map(self.words).split()
        capital = [word if word in small else word[:1].upper() + word[1:] for word in text]
        return tell(self.rng, " ".join(capital), self.words)

    @property
    def moral(self) -> str:
        """What is learned."""
        return str(PLOTS[self.plot]["moral"]).format_map(self.words)

    @property
    def later(self) -> str:
        """What happened afterwards."""
        return tell(self.rng, ENDS["later"], self.words)

    @property
    def happy(self) -> str:
        """Another end, as happy as can be."""
        return f"Here is a new end for the story:\n\n{tell(self.rng, ENDS['happy'], self.words)}"
