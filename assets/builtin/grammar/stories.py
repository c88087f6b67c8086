"""Chats in which the user asks for a story, and for something about it afterwards."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .little_stories import little_story
from .story_plots import PLOTS, Story, tell
from .story_words import HERO_PLOTS, THING_PLOTS, Hero, animal, any_hero, fits, same_sex, slots
from .words import NAMES, Chat, assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_TEXT: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("stories.toml").read_text(encoding="utf-8")
)
_LITTLE = 0.6
"""How many of the stories are little ones."""
_KIN = {True: ["daughter", "niece", "little sister"], False: ["son", "nephew", "little brother"]}


def _draw(rng: random.Random, hero: Hero | None = None) -> Story:
    """Choose a hero, a plot that fits and its words."""
    while True:
        chosen = hero or any_hero(rng)
        plot = rng.choice(THING_PLOTS if chosen.thing else HERO_PLOTS)
        words = slots(rng, chosen)
        if not fits(plot, chosen, words):
            continue
        chance = rng.random()
        if chance < 0.16:
            who = chosen.phrase
        else:
            clause = rng.choice(PLOTS[plot]["clauses"]).format_map(words)
            named = f" {rng.choice(['named', 'called'])} {words['name']}"
            anonymous = chosen.thing or " named " in chosen.phrase or " called " in chosen.phrase
            name = named if not anonymous and rng.random() < 0.15 else ""
            that = "that" if chosen.thing or rng.random() < 0.3 else "who"
            words["that"] = that
            who = f"{chosen.phrase}{name} {that} {clause}" if clause else chosen.phrase
            if words["tail"] in clause:
                words["when"] = words["tail"]
        if chance < 0.05:
            who += f" {words['tail']}"
            words["when"] = words["tail"]
        elif 0.05 <= chance < 0.1:
            who += f" in {words['home']}"
        return Story(rng, plot, chosen, words, who)


def _about_topic(rng: random.Random) -> Story:
    """Take a subject that is no hero: a season, a place or a feeling."""
    story = _draw(rng)
    kind = rng.random()
    if kind < 0.3:
        subject = rng.choice(list(_TEXT["seasons"]))
        story.words["when"] = _TEXT["seasons"][subject]
        story.subject = subject
    elif kind < 0.6 and not story.hero.thing:
        story.subject = story.words["home"] = rng.choice(_TEXT["scenes"])
        story.words["near"] = ""
    else:
        subject = rng.choice(list(_TEXT["topics"]))
        plot = rng.choice(_TEXT["topics"][subject])
        while True:
            hero = animal(rng) if plot not in THING_PLOTS else any_hero(rng)
            words = slots(rng, hero)
            if hero.thing == (plot in THING_PLOTS) and fits(plot, hero, words):
                return Story(rng, plot, hero, words, subject)
    return story


def _first(rng: random.Random) -> tuple[Chat, Story]:
    """Ask for a story and tell it."""
    story = _about_topic(rng) if rng.random() < 0.1 else _draw(rng)
    chance = rng.random()
    intro, heads, end = "Here is a story about {s}.", _TEXT["heads"], ""
    child = rng.choice(NAMES)
    kin = rng.choice(_KIN[child in _TEXT["girls"]])
    if chance < 0.14:
        intro, heads = "Here is a bedtime story about {s}.", _TEXT["bedtime_heads"]
        end = "Good night, and sleep well!"
    elif chance < 0.24:
        intro, heads = f"Here is a story for {child} about {{s}}.", _TEXT["child_heads"]
        end = f"Good night, {child}, and sleep well!"
    elif chance < 0.31:
        intro, heads = "Here is a short story about {s}.", _TEXT["short_heads"]
    elif chance < 0.37:
        heads = _TEXT["any_heads"]
    elif chance < 0.44:
        return _continued(rng)
    ask = rng.choice(heads).format(s=story.subject, child=child, kin=kin)
    text = story.short if heads is _TEXT["short_heads"] else story.whole
    parts = [intro.format(s=story.subject), text, end]
    return [user(typed(rng, ask)), assistant("\n\n".join(part for part in parts if part))], story


def _continued(rng: random.Random) -> tuple[Chat, Story]:
    """Go on with the user's first sentence."""
    story = _draw(rng)
    hero, words = story.hero, story.words
    start = rng.choice(["Once upon a time there", "There once", "Long ago, there", "Once there"])
    past = [text for text in PLOTS[story.plot]["clauses"] if "was" in text or "ed " in text]
    clause = rng.choice(past or [""])
    clause = clause.format_map(words)
    if words["tail"] in clause:
        words["when"] = words["tail"]
    known = hero.thing or rng.random() < 0.6
    name = "" if hero.thing or not known else f" named {words['name']}"
    if hero.noun == "friends" and known:
        name = f", {words['name']}," if clause else f", {words['name']}"
    that = "that" if hero.thing else "who"
    opening = f"{start} {words['was']} {hero.phrase}{name}{f' {that} {clause}' if clause else ''}."
    story.subject = hero.phrase
    lead = "" if known else tell(rng, "The name{s_of} of {the_hero} {was} {name}.", words) + " "
    text = lead + story.rest
    ask = rng.choice(_TEXT["continue_heads"]).format(o=opening)
    return [user(typed(rng, ask)), assistant(text)], story


def _followed(rng: random.Random, chat: Chat, story: Story, asked: set[str]) -> Story:
    """Ask for something more about the story."""
    words = story.words
    kinds = ["shorter", "another", "another_about", "titles", "morals", "goon", "happy", "thanks"]
    kinds.append("true")
    if not story.hero.thing:
        kinds += ["names", "names", "where"]
    if words["helper_name"] in chat[-1]["content"]:
        kinds += ["who", "who"]
    if story.hero.pronoun in ("he", "she") and len(chat) == 2 and rng.random() < 0.15:
        kinds = ["renames"]
    if "facts" in PLOTS[story.plot]:
        kinds += ["facts"] * 4
    kind = rng.choice([kind for kind in kinds if kind not in asked])
    asked.add(kind)
    if kind in ("another", "another_about"):
        story = _draw(rng)
    new = rng.choice([name for name in same_sex(story.hero) if name not in words.values()])
    asks = PLOTS[story.plot]["facts"][:1] if kind == "facts" else _TEXT[kind]
    ask = rng.choice(asks).format_map({**words, "s": story.subject, "new": new})
    if kind == "renames":
        words["name"] = new
    words = story.words
    the, name = words["the_hero"], words["name"]
    answers = {
        "shorter": f"Here is the story in three sentences:\n\n{story.short}",
        "another": f"Here is another story, about {story.subject}.\n\n{story.whole}",
        "another_about": f"Here is a story about {story.subject}.\n\n{story.whole}",
        "renames": f"Here is the story with the name {new}.\n\n{story.whole}",
        "facts": tell(rng, PLOTS[story.plot].get("facts", [""])[-1], words),
        "titles": f"A good title for the story is **{story.title}**.",
        "morals": f"The story shows us that {story.moral}.",
        "goon": story.later,
        "happy": story.happy,
        "thanks": f"You are welcome! I am glad that you like the story about {the}.",
        "true": f"No, it is not a true story. I made up {the} and everything else, "
        "but I hope that you like it.",
        "names": f"The name{words['s_of']} of {the} {words['is']} {name}.",
        "who": f"{words['helper_name']} is {words['a_helper']} in the story about {the}.",
        "where": f"{name} lived in {words['home']} {words['near']}".rstrip() + ".",
    }
    chat += [user(typed(rng, ask)), assistant(answers[kind])]
    return story


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Make chats about stories."""
    for _ in range(count):
        if rng.random() < _LITTLE:
            yield little_story(rng)
            continue
        chat, story = _first(rng)
        asked: set[str] = set()
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
            if sum(len(message["content"]) for message in chat) < 1500:
                story = _followed(rng, chat, story, asked)
        yield chat
