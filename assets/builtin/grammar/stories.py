"""Chats in which the user asks for a story, and for something about it afterwards."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .story_heroes import PRONOUNS, WORDS, Hero, any_hero, name_for, plural
from .story_plots import CLOSED, OPEN, PLOTS, Story, story_of, story_of_two, trait_plot
from .summaries import upper
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_GOOD_NIGHT = "Good night, and sleep well!"
_ONE_HEARS = {"he": ("son", "boy", "nephew"), "she": ("daughter", "girl", "niece", "mum")}
_MANY_HEAR = ("kids", "children", "class")
_NOT_OF_BRIEF = ("shorter", "longer", "next", "sad", "helper")
"""What is not asked about a story of two or three sentences: the helper is not in it."""
_NO_HELP = ("love", "place", "things", "habit", "deed")


def _two(rng: random.Random) -> Story:
    """Draw a story of two heroes."""
    if rng.random() < 0.25:
        twins = rng.choice(WORDS["pairs"])
        pronoun = {"brothers": "he", "boys": "he", "sisters": "she", "girls": "she"}.get(twins)
        names = rng.sample(WORDS[f"names_{pronoun or rng.choice(('he', 'she'))}"], 2)
        return story_of_two(rng, twins, (names[0], names[1]))
    return story_of_two(rng)


def _both(story: Story) -> str:
    """Say which two a story is about, without names."""
    other = story.other or story.hero
    return f"two {story.twins}" if story.twins else f"{story.hero.phrase} and {other.phrase}"


def _about_two(rng: random.Random, story: Story) -> str:
    """Say which two the story shall be about."""
    chance, both = rng.random(), _both(story)
    if not story.plot.get("words") and chance < 0.6:
        return both
    if chance > 0.9:
        both = story.who
    return f"{both} {rng.choice(('who', 'that'))} {story.fill(rng.choice(story.plot['clauses']))}"


def _user_named(rng: random.Random, story: Story) -> Story:
    """Let the user choose the name: often one that no other story has."""
    if story.hero.pronoun != "it" or rng.random() < 0.4:
        return story
    return replace(story, hero=replace(story.hero, name=rng.choice(WORDS["names_given"])))


def _about_one(rng: random.Random, story: Story) -> tuple[str, Story]:
    """Say what the story shall be about: the hero, perhaps with a trait, or a theme."""
    plot = story.plot
    if plot.get("topics") and rng.random() < 0.35:
        return story.fill(rng.choice(plot["topics"])), story
    chance = rng.random()
    who = story.hero.phrase
    if chance < 0.14:
        story = _user_named(rng, story)
        hero = story.hero
        who = f"{hero.phrase} {rng.choice(('called', 'named'))} {hero.name}"
        if hero.described in ("boy", "girl"):
            who = rng.choice((who, hero.name))
        elif hero.pronoun == "it" and chance < 0.04:
            story = replace(story, hero=replace(hero, described=hero.noun))
            who = f"my {hero.noun} {hero.name}"
    if "words" not in plot and rng.random() < 0.4 and trait_plot(story.hero) in (None, plot):
        bare = story.hero.described == story.hero.noun and who == story.hero.phrase
        return plural(story.hero.noun) if bare and rng.random() < 0.15 else who, story
    clause = story.fill(rng.choice(plot["clauses"]))
    if clause.startswith(("is afraid", "was afraid", "is scared")) and rng.random() < 0.2:
        return f"{who} {clause.split(' ', 1)[1]}", story
    if clause.startswith(("is ", "was ", "wants", "loves", "cannot", "can't")) and chance > 0.9:
        return f"{who}, {rng.choice(('', 'and '))}{story.hero.pronoun} {clause}", story
    return f"{who} {rng.choice(('who', 'who', 'that'))} {clause}", story


def _told_to(rng: random.Random) -> dict[str, str]:
    """Choose who shall hear the story: never the one that it is about."""
    listener = rng.choice(WORDS["listeners"])
    who = next((one for one, all_ in _ONE_HEARS.items() if listener.split()[0] in all_), None)
    who = who or rng.choice(("he", "she"))
    he, her = ("they", "them") if listener in _MANY_HEAR else (who, PRONOUNS[who]["him"])
    return {"k": listener, "he": he, "He": upper(he), "her": her}


def _loved(rng: random.Random, asks: str) -> tuple[str, Story]:
    """Ask for a story for somebody who loves what shall be the hero."""
    hero = _plain_hero(rng)
    while hero.pronoun != "it":
        hero = _plain_hero(rng)
    words = _told_to(rng)
    ask = rng.choice(WORDS[asks])
    if words["he"] == "they":
        ask = ask.replace(" loves", " love").replace("likes", "like").replace("He} is", "He} are")
        ask = ask.replace(" wants", " want")
    many, story = plural(hero.noun), story_of(rng, rng.choice(CLOSED), hero)
    if rng.random() < 0.15:
        story = story_of(rng, next(plot for plot in PLOTS if plot.get("words") == "love"))
        many = story.x
    return ask.format(many=many, l=rng.choice(WORDS["lengths"]), **words), story


def _of_genre(rng: random.Random) -> tuple[str, Story]:
    """Ask for a story of a certain kind."""
    genre, state = rng.choice(list(WORDS["genres"].items()))
    plot = next(plot for plot in CLOSED if plot["state"] == state)
    hero = _plain_hero(rng)
    while hero.noun in state:
        hero = _plain_hero(rng)
    ask = rng.choice(WORDS["asks_any"]).format(l=f"{genre} ")
    return re.sub(r"\ba (?=adv|exc)", "an ", ask), story_of(rng, plot, hero)


def _plain_hero(rng: random.Random) -> Hero:
    """Choose a hero of whom nothing is said but what it is."""
    hero = any_hero(rng)
    return replace(hero, described=hero.noun)


def _first(rng: random.Random) -> tuple[Chat, Story]:
    """Ask for a story and tell it."""
    chance = rng.random()
    story = story_of(rng, rng.choice(CLOSED if chance < 0.55 else OPEN))
    if rng.random() < 0.22:
        story = _two(rng)
        subject = _about_two(rng, story)
    else:
        subject, story = _about_one(rng, story)
    kinds = ["asks"] * 11 + ["asks_three", "asks_two", "asks_any", "asks_bedtime", "asks_bedtime"]
    kinds += ["asks_for", "asks_loves", "asks_bedtime_loves", "asks_place", "continue"]
    kinds += ["asks_where", "asks_where", "genre"]
    kind = rng.choice(kinds)
    if kind in ("asks_loves", "asks_bedtime_loves"):
        ask, story = _loved(rng, kind)
    elif kind == "asks_place":
        story = story_of(rng, next(plot for plot in PLOTS if plot.get("words") == "place"))
        form = rng.choice(WORDS[rng.choice(("asks_place", "asks_place_hero"))])
        ask = form.format(l=rng.choice(WORDS["lengths"]), x=story.x, s=story.hero.phrase)
    elif kind == "genre":
        ask, story = _of_genre(rng)
    elif kind == "asks_any":
        story = story_of(rng, rng.choice(CLOSED), _plain_hero(rng))
        ask = rng.choice(WORDS[kind]).format(l=rng.choice(WORDS["lengths"]))
    elif kind == "asks_where":
        who = story.hero.phrase if story.other is None else _both(story)
        subject = f"{who} {story.fill(rng.choice(story.plot['clauses']))}"
        ask = rng.choice(WORDS[kind]).format(s=subject, l=rng.choice(WORDS["lengths"]))
    elif kind == "continue":
        go_on = rng.choice(("Continue this story: {}", "go on: {}", "{} What happens next?"))
        if story.other or rng.random() < 0.5:
            return [user(go_on.format(story.opening)), assistant(story.rest)], story
        opening = f"Once upon a time there was {story.hero.phrase}."
        text = f"The {story.hero.described} was called {story.hero.name}. {story.rest}"
        return [user(go_on.format(opening)), assistant(text)], story
    else:
        length = rng.choice(WORDS["lengths"])
        single = ("hero is", "character") if story.other else ()
        forms = [one for one in WORDS[kind] if not any(word in one for word in single)]
        ask = rng.choice(forms).format(s=subject, l=length, **_told_to(rng))
    text = {"asks_three": story.three, "asks_two": story.two}.get(kind, story.whole)
    if "bedtime" in kind:
        text = f"{text} {_GOOD_NIGHT}"
    return [user(typed(rng, upper(ask))), assistant(text)], story


def _answers(story: Story) -> dict[str, str]:
    """Answer what may be asked about a story."""
    friend = story.fill("{two}" if story.other else "{helper}")
    later = (
        f"The next day {story.hero.name} and {friend} had a big breakfast together, "
        "and then they set off for a new adventure."
    )
    answers = {
        "who": f"It was about {story.who}.",
        "next": later,
        "longer": f"{story.whole} {later}",
        "end": story.end,
        "happy": f"Here is a happy ending: {story.end} "
        "They celebrated with a big cake, and they all lived happily ever after.",
        "sad": f"Here is a sad ending: One day {friend} had to go far away. "
        f"{story.hero.name} stood at the window for a long time and waved goodbye.",
        "shorter": story.two,
        "thanks": f"You are welcome! I am glad that you like the story about {story.names}.",
        "title": f"A good title is **{story.names}**.",
        "moral": f"The story shows us that {story.plot['moral']}.",
        "true": f"No, I made up the story about {story.names}.",
    }
    if not story.other:
        answers["name"] = f"The {story.hero.noun} was called {story.hero.name}."
        answers["title"] = f"A good title is **{upper(story.hero.known)}**."
        helped = ("Then {help}", "One day {help}", "One night {help}", "But {help}")
        if story.plot["turn"].startswith(helped) and story.plot.get("words") not in _NO_HELP:
            answers["helper"] = f"{upper(story.fill('{help}'))} helped {story.hero.name}."
    return answers


def _followed(rng: random.Random, chat: Chat, story: Story, done: set[str]) -> Story:
    """Ask for something more about the story."""
    answers = _answers(story)
    kinds = [*answers, "name", "another", "another", "other_hero", "rename"]
    if story.other:
        kinds = [one for one in kinds if one not in ("name", "other_hero", "rename")]
    kind = rng.choice([one for one in kinds if one not in done])
    done.add(kind)
    said = rng.choice(WORDS["follow"][kind])
    asked, word = story, ""
    if kind == "another":
        story = story_of(rng, rng.choice(CLOSED))
    elif kind == "other_hero":
        story = replace(story, hero=_other(rng, story))
        word = story.hero.phrase
    elif kind == "rename":
        word = name_for(rng, story.hero.pronoun)
        story = replace(story, hero=replace(story.hero, name=word))
    answers |= dict.fromkeys(("another", "other_hero", "rename"), story.whole)
    said = asked.fill(said.replace("{y}", word).replace("{noun}", asked.hero.noun))
    chat += [user(typed(rng, said)), assistant(answers[kind])]
    return story


def _other(rng: random.Random, story: Story) -> Hero:
    """Choose another hero, of whom the story does not speak yet."""
    while True:
        hero = any_hero(rng, story.hero)
        if hero.noun not in story.whole:
            return hero


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Make chats about stories."""
    for _ in range(count):
        chat, story = _first(rng)
        brief = story.rest not in chat[1]["content"]
        done = set(_NOT_OF_BRIEF if brief else ())
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
            story = _followed(rng, chat, story, done)
        yield chat
