"""The mix that the built-in model is trained on, and what is held out of it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import environment

from builtin.small_corpus import STORIES, shrink, write_sources
from medusa_chat.paths import shipped

QUESTIONS = [f"Do you like the number {number}?" for number in range(60)]
BUILD = """
import json, pathlib, sys
import corpus, small_corpus
built = small_corpus.shrink(corpus).build(pathlib.Path(sys.argv[1]), 3)
print(json.dumps([built.train, built.held_out, built.prompts]))
"""


@pytest.fixture
def corpus() -> Any:
    return shrink(importlib.import_module("corpus"))


def texts(chats: list[list[dict[str, str]]]) -> Iterator[str]:
    return (message["content"] for chat in chats for message in chat)


def first_questions(chats: list[list[dict[str, str]]]) -> list[str]:
    return [
        next(message["content"] for message in chat if message["role"] == "user") for chat in chats
    ]


def test_what_is_held_out_is_not_trained_on(corpus: Any, tmp_path: Path) -> None:
    built = corpus.build(write_sources(tmp_path, QUESTIONS))
    # Behind these words a story stands, by whose first sentence it is held out.
    told = {sentences[0] for sentences in STORIES}
    begun = [
        question
        for question in first_questions(built.train)
        if not any(sentence in question for sentence in told)
    ]
    assert len(begun) > 100
    assert not any(corpus.is_held_out(question) for question in begun)
    trained = set(texts(built.train))
    held_out = [question for question in QUESTIONS if corpus.is_held_out(question)]
    assert 5 < len(held_out) < 40
    assert set(QUESTIONS) - trained == set(held_out)
    assert set(held_out) <= set(first_questions(built.held_out))
    assert not trained & set(first_questions(built.held_out))


def test_no_sentence_of_a_story_that_is_held_out_is_trained_on(corpus: Any, tmp_path: Path) -> None:
    built = corpus.build(write_sources(tmp_path, QUESTIONS))
    trained, held_out = ("\n".join(texts(chats)) for chats in (built.train, built.held_out))
    left = [sentences for sentences in STORIES if corpus.is_held_out(sentences[0])]
    assert 5 < len(left) < 30
    for sentences in STORIES:
        for sentence in sentences:
            assert (sentence in trained) == (sentences not in left)
            assert sentence in held_out or sentences not in left


def test_what_is_measured_is_left_out(corpus: Any, tmp_path: Path) -> None:
    lines = shipped("assets/prompts.jsonl").read_text("utf-8").splitlines()
    measured = [json.loads(line)["turns"][0] for line in lines]
    shouted = [prompt.upper() for prompt in measured if "\n" not in prompt]
    built = corpus.build(write_sources(tmp_path, [*measured, *shouted, *QUESTIONS]))
    said = {corpus.plain_words(text) for text in texts(built.train + built.held_out)}
    assert not said & {corpus.plain_words(prompt) for prompt in measured}
    assert said & {corpus.plain_words(question) for question in QUESTIONS}


def test_prompts_end_with_what_a_user_says(corpus: Any, tmp_path: Path) -> None:
    built = corpus.build(write_sources(tmp_path, QUESTIONS))
    assert {"talk", "small talk", "copies", "continued stories"} <= set(built.prompts)
    assert sum(map(len, built.prompts.values())) == len(built.held_out)
    corpus.write_prompts(built, tmp_path / "held-out.jsonl", per_kind=5)
    lines = (tmp_path / "held-out.jsonl").read_text("utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    assert all(record["messages"][-1]["role"] == "user" for record in written)
    kinds = [record["kind"] for record in written]
    assert max(map(kinds.count, kinds)) == 5


def test_a_seed_gives_the_same_corpus_in_any_process(corpus: Any, tmp_path: Path) -> None:
    """A training that goes on makes its corpus anew, in a process that hashes words otherwise."""
    data = write_sources(tmp_path, QUESTIONS)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(data)],
        capture_output=True,
        text=True,
        cwd=shipped("assets/builtin"),
        env=environment(PYTHONPATH=str(Path(__file__).parent), PYTHONHASHSEED="7"),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    same, other = corpus.build(data, 3), corpus.build(data, 4)
    assert json.loads(done.stdout) == [same.train, same.held_out, same.prompts]
    assert other.train != same.train
