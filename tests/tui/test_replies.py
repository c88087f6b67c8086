"""Prompts and replies: what is asked, what is answered, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.engine.protocol import (
    ChatMessage,
    Loading,
)
from medusa_chat.settings import DecodeSettings

from .driving import FIGURES, SIZES, begin_reply, chat, contents, saved
from .scripted_engine import DEMO, ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", SIZES)
async def test_a_prompt_is_answered_with_figures_and_saved(
    size: tuple[int, int], home: Path
) -> None:
    async with chat(size=size) as c:
        await c.until_shown("builtin · float32 · cpu", "Medusa on")
        assert c.prompt.has_focus
        await c.pilot.press("H", "i", "enter")
        await c.until_shown(FIGURES)
        assert c.turns[1:] == ["Hi", f"Hello there, friend.\n{FIGURES}"]
        assert c.prompt.text == ""
        assert c.prompt.has_focus
        assert saved(home) == [("user", "Hi", None), ("assistant", "Hello there, friend.", "eos")]


async def test_a_reply_is_recorded_with_all_that_made_it(home: Path) -> None:
    async with chat(decode=DecodeSettings(temperature=0.2, system="Be brief.")) as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        with Store(home / FILE_NAME) as store:
            reply = store.chat(store.chats()[0].id).path[1]
    assert reply.recipe is not None
    assert (reply.recipe.model, reply.recipe.device) == ("builtin", "cpu")
    assert (reply.recipe.mode, reply.recipe.tree) == ("medusa", "dynamic, 8 nodes")
    assert (reply.recipe.seed, reply.recipe.temperature) == (1234, 0.2)
    assert reply.recipe.system == "Be brief."
    assert "python" in reply.recipe.versions
    assert reply.outcome is not None
    assert reply.outcome.figures["accepted_counts"] == [2, 1]
    assert reply.outcome.figures["accepted_per_step"] == pytest.approx(4 / 3)
    assert (reply.recipe.draft, reply.recipe.repetition_penalty) == ("all", 1.0)
    assert reply.outcome.figures_line == FIGURES


async def test_every_request_carries_the_whole_conversation() -> None:
    async with chat(decode=DecodeSettings(system="Be brief.")) as c:
        await c.send("one")
        await c.until_shown(FIGURES)
        await c.send("two")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert c.engine.generates[1].messages == (
            ChatMessage("system", "Be brief."),
            ChatMessage("user", "one"),
            ChatMessage("assistant", "Hello there, friend."),
            ChatMessage("user", "two"),
        )


async def test_a_prompt_is_held_while_the_model_loads_and_then_answered(home: Path) -> None:
    engine = ScriptedEngine(load_by_itself=False)
    async with chat(engine) as c:
        await c.until_shown("builtin: reading the weights…")
        await c.send("early")
        await c.until_shown("early\nwaiting for the model")
        assert saved(home) == [("user", "early", None)]
        engine.emit(Loading("warming up"))
        await c.until_shown("warming up")
        engine.emit(DEMO)
        await c.until_shown(FIGURES)
        assert c.turns[1:] == ["early", f"Hello there, friend.\n{FIGURES}"]


async def test_prompts_sent_during_a_reply_wait_their_turn() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        first = await begin_reply(c, "one")
        await c.send("two")
        await c.send("three")
        await c.until_shown("two\nqueued", "three\nqueued")
        assert c.engine.generates == [first]
        c.engine.answer_by_itself = True
        c.engine.finish(first)
        await c.until(lambda: c.everything.count(FIGURES) == 3)
        reply = f"Hello there, friend.\n{FIGURES}"
        assert c.turns[1:] == ["one", f"Once upon a\n{FIGURES}", "two", reply, "three", reply]
        assert contents(c.engine.generates[-1])[-3:] == [
            ("user", "two"),
            ("assistant", "Hello there, friend."),
            ("user", "three"),
        ]


async def test_an_empty_prompt_is_not_sent() -> None:
    async with chat() as c:
        await c.until_shown("Medusa on")
        await c.pilot.press("enter")
        await c.send(" \n")
        await c.settle()
        assert c.engine.generates == []


async def test_a_reply_without_medusa_says_so() -> None:
    async with chat(decode=DecodeSettings(medusa=False)) as c:
        await c.send("Hi")
        await c.until_shown("first token 182 ms · Medusa off")
        assert c.engine.generates[0].settings.medusa is False


@pytest.mark.parametrize(
    ("stop_reason", "words"), [("length", "length limit"), ("context", "context full")]
)
async def test_an_end_that_is_not_the_models_own_is_named(stop_reason: str, words: str) -> None:
    engine = ScriptedEngine()
    engine.stop_reason = stop_reason  # type: ignore[assignment]
    async with chat(engine) as c:
        await c.send("Hi")
        await c.until_shown(f"182 ms · {words}")
        assert ("Ctrl+N begins a new chat" in c.everything) == (stop_reason == "context")
