"""Sentences of learners that the grammar gets wrong on purpose, and puts right."""

from __future__ import annotations

import importlib
import random
import re
from typing import Any


def grammar(name: str) -> Any:
    return importlib.import_module(f"grammar.{name}")


def test_a_sentence_with_mistakes_differs_from_the_right_one_in_what_is_told() -> None:
    rng = random.Random(1)
    for _ in range(300):
        right, wrong, changes = grammar("mistakes").sentence(rng)
        assert right[0].isupper()
        assert right[-1] in ".?"
        assert right.rstrip(".?").lower() != wrong.rstrip(".?").lower()
        assert changes
        for good, bad in changes:
            assert good != bad
            assert good.lower() in right.lower()
            assert bad.lower() in wrong.lower()


def test_the_text_is_asked_for_where_there_is_none() -> None:
    rng = random.Random(1)
    for _ in range(100):
        chat = grammar("offers").offer(rng)
        assert chat[1]["content"].startswith("Gladly!")
        assert len(chat) in (2, 4)


def test_a_letter_without_a_sender_ends_without_a_comma() -> None:
    rng = random.Random(1)
    letters = [grammar("letters").letter(rng) for _ in range(200)]
    answers = [chat[1]["content"] for chat in letters]
    assert any(re.search(r"(regards|wishes)$", answer) for answer in answers)
    assert not [answer for answer in answers if answer.endswith(",")]


def test_what_is_asked_of_one_sentence_is_always_answered_alike() -> None:
    rng = random.Random(1)
    answers: dict[str, set[str]] = {}
    for kind in ("letters.letter", "usage.usage", "translations.translation", "mistakes.mistake"):
        module, name = kind.split(".")
        for _ in range(1500):
            asked, answer = getattr(grammar(module), name)(rng)[:2]
            answers.setdefault(asked["content"].lower(), set()).add(answer["content"])
    assert not [asked for asked, given in answers.items() if len(given) > 1]


def test_a_letter_is_made_shorter_by_what_it_says_first() -> None:
    rng = random.Random(1)
    letters = grammar("letters")
    long = "Dear boss,\n\nI am ill. I feel bad.\n\nSee you soon!\n\nKind regards"
    details = {"new": "Tom", "other": "Anna", "day": "Friday"}
    answers = {letters._changed(rng, long, details)[1]["content"] for _ in range(100)}
    assert "Dear boss,\n\nI am ill.\n\nKind regards" in answers
    assert f"{long},\nTom" in answers
