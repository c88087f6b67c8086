"""Tests of the stories that the grammar tells."""

from __future__ import annotations

import importlib
import random
from collections import defaultdict
from typing import Any


def grammar(name: str) -> Any:
    return importlib.import_module(f"grammar.{name}")


def test_the_same_request_gets_the_same_story() -> None:
    told: dict[str, set[str]] = defaultdict(set)
    for chat in grammar("stories").chats(random.Random(2), 3000):
        told[chat[0]["content"].lower()].add(chat[1]["content"])
    different = [asked for asked, stories in told.items() if len(stories) > 1]
    assert len(different) <= 3, different


def test_two_heroes_have_names_that_go_together() -> None:
    heroes, words = grammar("story_heroes"), grammar("story_heroes").WORDS
    pets = set(words["pet_names"].values())
    pairs = {tuple(pair.split()) for pairs in words["pair_names"].values() for pair in pairs}
    rng = random.Random(3)
    for _ in range(500):
        one, two = heroes.two_heroes(rng)
        assert two.name in pets or (one.name, two.name) in pairs


def test_what_is_found_is_named_at_the_start_and_near_the_end() -> None:
    plots = grammar("story_plots")
    rng = random.Random(4)
    for _ in range(300):
        plot = grammar("story_finds").find_plot(rng)
        story = plots.usual_story(rng, plot)
        assert story.x.partition("|")[0] in story.three.split(". ")[1]
        assert plot["it"].split()[-1] in story.whole.split(story.x.partition("|")[0], 1)[1]
