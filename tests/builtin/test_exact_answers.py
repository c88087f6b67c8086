"""Tests of the built-in model's training chats whose answers can be worked out."""

from __future__ import annotations

import importlib
import random
import re
from typing import Any


def grammar(name: str) -> Any:
    return importlib.import_module(f"grammar.{name}")


def test_each_step_of_a_sum_is_right() -> None:
    rng, written_sums = random.Random(1), grammar("written_sums")
    for _ in range(500):
        a, b = sorted((rng.randint(0, 9999), rng.randint(0, 999)), reverse=True)
        for text in (written_sums.added(a, b), written_sums.taken_away(a, b)):
            for numbers, result in re.findall(r"([\d +-]+) = (\d+)", text):
                parts = re.findall(r"[+-]?\d+", numbers.replace(" ", ""))
                assert sum(map(int, parts)) == int(result), text


def test_misspelt_sentences_come_back_right() -> None:
    rng = random.Random(1)
    for _ in range(300):
        text = grammar("everyday").sentence(rng)
        asked, answer = grammar("spelling").spelled(rng, text)
        assert answer["content"] == text
        assert asked["content"]


def test_short_texts_get_an_answer() -> None:
    rng = random.Random(1)
    for _ in range(300):
        chat = grammar("short_texts").short_change(rng)
        assert [message["role"] for message in chat] == ["user", "assistant"] * (len(chat) // 2)
        assert all(message["content"].strip() for message in chat)


def test_two_heroes_of_a_story_bear_different_names() -> None:
    for chat in grammar("stories").chats(random.Random(1), 300):
        told = chat[1]["content"]
        names = re.findall(r"called (\w+)", told.split(". ")[0])
        assert len(names) == len(set(names)), told
