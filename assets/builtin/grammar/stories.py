"""Chats in which the user asks for a story, and for something about it afterwards."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .story_finds import find_plot
from .story_heroes import (
    PRONOUNS,
    WORDS,
    Hero,
    any_hero,
    fixed_name,
    hero_of,
    name_for,
    pair_names,
    partner_name,
    plural,
)
from .story_known import known_tale
from .story_plots import (
    CLOSED,
    OPEN,
    PLOTS,
    Story,
    next_plot,
    pair_plot,
    plot_for,
    story_of,
    story_of_two,
    usual_story,
)
from .summaries import upper
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from typing import Any

_PET_NAMES = set(WORDS["pet_names"].values())
_KNOWN_SHARE = 0.06
_NAMED_SHARE = 0.35
"""Of stories of two, how many have a hero whom the user names."""
_OFTEN = ("object", "fear", "do")
_OPEN = [*OPEN, *(plot for plot in OPEN if plot["words"] in _OFTEN)]
"""The schemes that take words, those of loss, fear and learning twice: they are asked for most."""
_GOOD_NIGHT = "Good night, and sleep well!"
_ONE_HEARS = {"he": ("son", "boy", "nephew"), "she": ("daughter", "girl", "niece", "mum")}
_MANY_HEAR = ("kids", "children", "class")
_NOT_OF_BRIEF = ("shorter", "longer", "next", "sad", "helper")
"""What is not asked about a story of two or three sentences: the helper is not in it."""
_NO_HELP = ("love", "place", "things", "habit", "deed", "find")


def _two(rng: random.Random) -> Story:
    """Draw a story of two heroes, or of three."""
    chance = rng.random()
    if chance < 0.35:
        three = chance < 0.13
        twins = rng.choice(WORDS["threes" if three else "pairs"])
        pronoun = {"brothers": "he", "boys": "he", "sisters": "she", "girls": "she"}.get(twins)
        names = pair_names(twins, pronoun or "it", pronoun or "it")
        return story_of_two(rng, twins, (*names, *([WORDS["third_names"][names[1]]] * three)))
    story = story_of_two(rng)
    child = story.hero.described in ("boy", "girl")
    if child and story.other and story.other.name in _PET_NAMES and rng.random() < 0.35:
        return replace(story, hero=replace(story.hero, name=name_for(rng, story.hero.pronoun)))
    return story


def _both(story: Story) -> str:
    """Say which two a story is about, without names; or with a child's, if it is none's own."""
    other, hero = story.other or story.hero, story.hero
    if story.twins:
        return story.group
    named = hero.described in ("boy", "girl") and hero.name != fixed_name(
        hero.described, hero.pronoun
    )
    if named and other.name in _PET_NAMES:
        return f"{hero.name} and {other.phrase}"
    plain = not other.owned and other.described == other.noun
    return f"{hero.phrase} and {other.noun if plain and len(other.name) > 4 else other.phrase}"


def _about_two(rng: random.Random, story: Story) -> tuple[str, Story]:
    """Say which two the story shall be about."""
    both = _both(story)
    if not story.twins and rng.random() < _NAMED_SHARE:
        both, story = _first_named(rng, story)
    chance, other = rng.random(), story.other or story.hero
    if chance < 0.4:
        plain = replace(story, plot=pair_plot(story.hero, other, bool(story.third)), x="")
        return both, plain
    if chance > 0.94:
        both = story.who
    clause = story.fill(rng.choice(story.plot["clauses"]))
    return f"{both} {rng.choice(('who', 'who', 'that'))} {clause}", story


def _first_named(rng: random.Random, story: Story) -> tuple[str, Story]:
    """Let the user name the first of two, and now and then both."""
    story = _user_named(rng, story)
    hero, other = story.hero, story.other or story.hero
    name, called = hero.name, rng.choice(("called", "called", "named"))
    if rng.random() < 0.2:
        while (own := name_for(rng, other.pronoun)) == name:
            pass
        story = replace(story, other=replace(other, name=own))
        return f"{hero.phrase} {called} {name} and {other.phrase} {called} {own}", story
    if other.name not in _PET_NAMES or other.name == name:
        story = replace(story, other=replace(other, name=partner_name(name, other.pronoun)))
    return f"{hero.phrase} {called} {name} and {other.phrase}", story


def _user_named(rng: random.Random, story: Story) -> Story:
    """Let the user choose the name: often one that no other story has."""
    own = story.hero.pronoun != "it" or rng.random() < 0.4
    name = name_for(rng, story.hero.pronoun) if own else rng.choice(WORDS["names_given"])
    return replace(story, hero=replace(story.hero, name=name))


def _spoken_of(rng: random.Random, story: Story, clause: str) -> Story:
    """Let the user speak of the hero as he or she: then the story does so, too."""
    hero = story.hero
    free = hero.described == hero.noun and hero.noun in (*WORDS["animals"], *WORDS["people"])
    if "{his}" not in clause or not free or rng.random() < 0.4:
        return story
    pronoun = rng.choice(("he", "she"))
    return replace(story, hero=hero_of(hero.described, pronoun, hero.noun))


def _about_one(rng: random.Random, story: Story) -> tuple[str, Story]:
    """Say what the story shall be about: the hero, perhaps with a trait, or a theme."""
    plot = story.plot
    if plot.get("topics") and rng.random() < 0.35:
        story = usual_story(rng, plot)
        return story.fill(rng.choice(plot["topics"])), story
    chance = rng.random()
    clause = rng.choice(plot["clauses"])
    who = story.hero.phrase
    if chance < 0.14:
        story = _user_named(rng, story)
        hero = story.hero
        who = f"{hero.phrase} {rng.choice(('called', 'named'))} {hero.name}"
        if hero.described in ("boy", "girl"):
            child = "son" if hero.pronoun == "he" else "daughter"
            who = rng.choice((who, hero.name, f"my {child} {hero.name}"))
        elif hero.pronoun == "it" and chance < 0.04:
            story = replace(story, hero=replace(hero, described=hero.noun))
            who = f"my {hero.noun} {hero.name}"
    if "words" not in plot and rng.random() < 0.4:
        story = story_of(rng, plot_for(story.hero), story.hero)
        bare = story.hero.described == story.hero.noun and who == story.hero.phrase
        return plural(story.hero.noun) if bare and rng.random() < 0.15 else who, story
    if chance >= 0.14:
        story = _spoken_of(rng, story, clause)
    clause = story.fill(clause)
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
    while " is " in ask.partition("?")[0].replace("{He} is", "") and "old" in words["k"]:
        words = _told_to(rng)
    if words["he"] == "they":
        ask = ask.replace("my {k} is", "my {k} are")
        ask = ask.replace(" loves", " love").replace("likes", "like").replace("He} is", "He} are")
        ask = ask.replace(" wants", " want")
    many, story = plural(hero.noun), story_of(rng, plot_for(hero), hero)
    if rng.random() < 0.15:
        loved = next(plot for plot in PLOTS if plot.get("words") == "love")
        story = usual_story(rng, loved)
        while story.x in map(plural, WORDS["animals"]):
            story = usual_story(rng, loved)
        many = story.x
    return ask.format(many=many, l=rng.choice(WORDS["lengths"]), **words), story


def _of_genre(rng: random.Random) -> tuple[str, Story]:
    """Ask for a story of a certain kind."""
    genre, state = rng.choice(list(WORDS["genres"].items()))
    ask = rng.choice([one for one in WORDS["asks_any"] if "{l}" in one]).format(l=f"{genre} ")
    return re.sub(r"\b([aA]) (?=adv|exc)", r"\1n ", ask), usual_story(rng, _closed(state))


def _closed(state: str) -> dict[str, Any]:
    """Give the scheme that begins so."""
    return next(plot for plot in CLOSED if plot["state"] == state)


def _plain_hero(rng: random.Random) -> Hero:
    """Choose a hero of whom nothing is said but what it is."""
    hero = any_hero(rng)
    return replace(hero, described=hero.noun)


def _first(rng: random.Random) -> tuple[Chat, Story]:
    """Ask for a story and tell it."""
    chance = rng.random()
    plot = find_plot(rng) if chance > 0.8 else rng.choice(CLOSED if chance < 0.42 else _OPEN)
    story = story_of(rng, plot)
    if rng.random() < 0.3:
        subject, story = _about_two(rng, _two(rng))
    else:
        subject, story = _about_one(rng, story)
    kinds = ["asks"] * 11 + ["asks_three", "asks_two", "asks_any", "asks_bedtime", "asks_bedtime"]
    kinds += ["asks_for", "asks_loves", "asks_bedtime_loves", "asks_place", "continue"]
    kinds += ["asks_where", "asks_where", "genre", "wanted"]
    kinds.append(
        rng.choice(("asks_two_any", "asks_three_any", "asks_one") + ("asks_bedtime_any",) * 2)
    )
    kind = rng.choice(kinds)
    if kind in ("asks_loves", "asks_bedtime_loves"):
        ask, story = _loved(rng, kind)
    elif kind == "asks_place":
        at_place = next(plot for plot in PLOTS if plot.get("words") == "place")
        form = rng.choice(("asks_place", "asks_place_hero"))
        story = (usual_story if form == "asks_place" else story_of)(rng, at_place)
        words = {"x": story.x, "s": story.hero.phrase, "l": rng.choice(WORDS["lengths"])}
        ask = rng.choice(WORDS[form]).format(**words)
    elif kind == "genre":
        ask, story = _of_genre(rng)
    elif kind == "wanted":
        wanted, state = rng.choice(list(WORDS["wanted"].items()))
        story = usual_story(rng, _closed(state))
        ask = rng.choice(WORDS["asks_wanted"]).format(x=wanted)
    elif kind in ("asks_two_any", "asks_three_any"):
        genre = rng.choice([*[""] * 6, *WORDS["genres"]])
        story = usual_story(rng, _closed(WORDS["genres"].get(genre, WORDS["any"][""])))
        ask = rng.choice(WORDS[kind]).format(l=f"{genre} ".lstrip())
    elif kind in ("asks_any", "asks_bedtime_any"):
        length = "bedtime " if "bedtime" in kind else rng.choice(WORDS["lengths"])
        story = usual_story(rng, _closed(WORDS["any"][length]))
        forms = [one for one in WORDS[kind] if "{l}" in one or length in ("", "bedtime ")]
        ask = rng.choice(forms).format(l=length, **_told_to(rng))
    elif kind == "asks_where":
        story = story if story.other else story_of(rng, story.plot)
        who = _both(story) if story.other else story.hero.phrase
        subject = f"{who} {story.fill(rng.choice(story.plot['clauses']))}"
        ask = rng.choice(WORDS[kind]).format(s=subject, l=rng.choice(WORDS["lengths"]))
    elif kind == "continue":
        go_on = rng.choice(("Continue this story: {}", "go on: {}", "{} What happens next?", "{}"))
        if story.other:
            plot = pair_plot(story.hero, story.other, bool(story.third))
            story = replace(story, plot=plot, x="")
            return [user(go_on.format(story.opening)), assistant(story.rest)], story
        story = story_of(rng, story.plot)
        hero = story.hero
        opening = f"Once upon a time there was {hero.phrase}."
        if rng.random() < 0.7:
            opening = f"{opening[:-1]} who {story.fill(rng.choice(story.plot['clauses']))}."
        else:
            story = story_of(rng, plot_for(hero), hero)
        text = f"The {hero.described} was called {hero.name}. {story.rest}"
        return [user(go_on.format(opening)), assistant(text)], story
    else:
        length = rng.choice(WORDS["lengths"])
        single = ("hero is", "character") if story.other else ()
        forms = [one for one in WORDS[kind] if not any(word in one for word in single)]
        ask = rng.choice(forms).format(s=subject, l=length, **_told_to(rng))
    short = {"asks_three": story.three, "asks_two": story.two, "asks_one": story.one}
    text = short.get(kind.removesuffix("_any"), story.whole)
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
        "why": f"I made it up like that to show that {story.plot['moral']}.",
        "funny": f"Here is a funny ending: {story.hero.name} slipped on a banana skin, "
        "sat down in a bucket of water and laughed until the evening.",
        "scary": f"Here is a scary ending: At midnight somebody knocked at {story.hero.name}'s "
        "door three times. But when it opened, nobody was there.",
        "true": f"No, I made up the story about {story.names}.",
    }
    if story.other:
        answers["names"] = f"They were called {story.names}."
        if not story.twins and story.hero.noun != story.other.noun:
            for key, one in (("first", story.hero), ("second", story.other)):
                answers[key] = f"The {one.noun} was called {one.name}."
    else:
        answers["name"] = f"The {story.hero.noun} was called {story.hero.name}."
        answers["title"] = f"A good title is **{upper(story.hero.known)}**."
        helped = ("Then {help}", "One day {help}", "One night {help}", "But {help}")
        if story.plot["turn"].startswith(helped) and story.plot.get("words") not in _NO_HELP:
            answers["helper"] = f"{upper(story.fill('{help}'))} helped {story.hero.name}."
    return answers


def _followed(rng: random.Random, chat: Chat, story: Story, done: set[str]) -> Story:
    """Ask for something more about the story."""
    answers = _answers(story)
    kinds = [*answers, "another", "another", "other_hero", "rename"]
    if story.other:
        kinds = [one for one in kinds if one not in ("other_hero", "rename")]
    kind = rng.choice([one for one in kinds if one not in done])
    done.add(kind)
    said = rng.choice(WORDS["follow"][kind])
    asked, word = story, ""
    if kind == "another":
        plot = next_plot(story.plot)
        while usual_story(rng, plot).hero.noun == story.hero.noun:
            plot = next_plot(plot)
        story = usual_story(rng, plot)
    elif kind == "other_hero":
        story = replace(story, hero=_other(rng, story))
        word = story.hero.phrase
    elif kind == "rename":
        word = name_for(rng, story.hero.pronoun)
        story = replace(story, hero=replace(story.hero, name=word))
    answers |= dict.fromkeys(("another", "other_hero", "rename"), story.whole)
    nouns = {"y": word, "noun": asked.hero.noun, "one_noun": asked.hero.noun}
    nouns["two_noun"] = (asked.other or asked.hero).noun
    for key, value in nouns.items():
        said = said.replace(f"{{{key}}}", value)
    said = asked.fill(said)
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
        if rng.random() < _KNOWN_SHARE:
            yield known_tale(rng)
            continue
        chat, story = _first(rng)
        brief = story.rest not in chat[1]["content"]
        done = set(_NOT_OF_BRIEF if brief else ())
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
            story = _followed(rng, chat, story, done)
        yield chat
