"""Which prompts are decoded, and how many of them there is room for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from command_line import HEADS

from medusa_chat.benchmark.cases import Case
from medusa_chat.engine.local import Engine
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tuning import replies
from medusa_chat.tuning.replies import log_replies, of_all_kinds

GREEDY = DecodeSettings(temperature=0, max_new_tokens=8)


@cache
def engine() -> Engine:
    loaded = Engine()
    loaded.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    return loaded


def case(name: str, text: str = "Hello") -> Case:
    return Case(name, name[0], (ChatMessage("user", text),))


CASES = [case(name) for name in ("a1", "a2", "a3", "b1", "c1", "c2")]


def test_all_kinds_have_their_share() -> None:
    assert [one.id for one in of_all_kinds(CASES, 5)] == ["a1", "b1", "c1", "a2", "c2"]
    assert len(of_all_kinds(CASES, 99)) == 6


def log(cases: list[Case]) -> replies.Replies:
    return log_replies(
        engine(), cases, GREEDY, cancelled=lambda: False, report=lambda _words, _fraction: None
    )


def test_prompts_that_cannot_be_answered_are_named() -> None:
    found = log([case("a1"), case("b1", "word " * 1000)])
    assert len(found.logs) == 1
    assert [one.id for one in found.skipped] == ["b1"]
    assert "512" in found.skipped[0].reason


def test_replies_of_one_token_are_skipped() -> None:
    """No step is decoded for them, so no tree can be tried on them, and none timed."""
    short = replace(GREEDY, max_new_tokens=1)
    found = log_replies(
        engine(), CASES[:2], short, cancelled=lambda: False, report=lambda _words, _fraction: None
    )
    assert found.logs == ()
    assert [one.id for one in found.skipped] == ["a1", "a2"]
    assert "has one token" in found.skipped[0].reason
    assert "--context" in found.skipped[0].reason


def test_no_more_logs_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = log(CASES[:1]).logs
    size = one.logits.nbytes + one.head_logits.nbytes
    monkeypatch.setattr(replies, "_MOST_BYTES", 3 * size)
    assert len(log(CASES).logs) == 3
    # One at least: without any there is nothing to learn.
    monkeypatch.setattr(replies, "_MOST_BYTES", 1)
    assert len(log(CASES).logs) == 1
