"""What the grammar writes: chats that can be trained on, and nothing that is measured."""

from __future__ import annotations

import importlib
import json
import random
import re
from typing import Any

import pytest

from medusa_chat.paths import shipped

KINDS = (
    *("talk", "memory", "program", "reckoning", "facts", "lists", "code", "errands", "texts"),
    "stories",
)


def drawn(kind: str, seed: int = 0, count: int = 150) -> list[list[dict[str, str]]]:
    module: Any = importlib.import_module(f"grammar.{kind}")
    return list(module.chats(random.Random(seed), count))


def test_every_kind_of_the_mix_is_tested_here() -> None:
    corpus: Any = importlib.import_module("corpus")
    assert set(KINDS) == set(corpus.KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_chats_are_dialogues_in_plain_text(kind: str) -> None:
    chats = drawn(kind)
    assert len(chats) == 150
    for chat in chats:
        roles = [message["role"] for message in chat]
        assert roles == ["user", "assistant"] * (len(chat) // 2)
        for message in chat:
            text = message["content"]
            assert text.strip()
            assert text.isascii()
            assert not re.search(r"[{}]\w*[{}]", text.replace("{}", "")) or kind == "code", text


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_draws_the_same_chats_and_another_does_not(kind: str) -> None:
    assert drawn(kind, 3, 30) == drawn(kind, 3, 30)
    assert drawn(kind, 3, 30) != drawn(kind, 4, 30)


@pytest.mark.parametrize("kind", KINDS)
def test_no_prompt_of_the_benchmark_is_drawn(kind: str) -> None:
    lines = shipped("assets/prompts.jsonl").read_text("utf-8").splitlines()
    measured = {turn.lower() for line in lines for turn in json.loads(line)["turns"]}
    said = {message["content"].lower() for chat in drawn(kind) for message in chat}
    assert not said & measured


def test_python_that_the_assistant_writes_compiles() -> None:
    blocks = [
        block
        for chat in drawn("code", count=400)
        for message in chat
        if message["role"] == "assistant"
        for block in re.findall(r"```python\n(.*?)```", message["content"], re.DOTALL)
    ]
    assert len(blocks) > 50
    for block in blocks:
        compile(block, "block", "exec")


def test_sums_are_right() -> None:
    found = 0
    for chat in drawn("reckoning", count=600):
        for message in chat:
            if message["role"] == "assistant":
                for sums, result in re.findall(
                    r"(?<![\d.,+x/-] )\b((?:\d+ [+x-] )+\d+) = (\d+)\b(?![.,]\d)",
                    message["content"],
                ):
                    assert eval(sums.replace("x", "*")) == int(result), message
                    found += 1
    assert found > 100
