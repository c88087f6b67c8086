"""What the chat opens with: a new chat, the last one, a question; kept or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.conversation import Outcome
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.tui.opening import Opening

from .driving import FIGURES, begin_reply, chat, contents, saved
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_question_is_asked_at_once(home: Path) -> None:
    async with chat(opening=Opening("Who are you?")) as c:
        await c.until_shown("Who are you?", FIGURES)
        assert contents(c.engine.generates[0]) == [("user", "Who are you?")]
        assert c.prompt.has_focus
    assert saved(home)[0] == ("user", "Who are you?", None)


async def test_the_last_chat_goes_on(home: Path) -> None:
    async with chat() as c:
        await c.send("one")
        await c.until_shown(FIGURES)
        await c.pilot.press("ctrl+n")
        await c.send("two")
        await c.until_shown("two", FIGURES)
    async with chat(opening=Opening("three", continue_last=True)) as c:
        await c.until_shown("two", "three")
        await c.until(lambda: c.everything.count(FIGURES) == 2)
        assert [text for _, text in contents(c.engine.generates[0])] == [
            "two",
            "Hello there, friend.",
            "three",
        ]
    with Store(home / FILE_NAME) as store:
        assert [found.messages for found in store.chats()] == [4, 2]


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (False, "The last prompt has no reply. Alt+R has it answered."),
        (True, "The last reply was interrupted. Alt+G goes on with it."),
    ],
)
async def test_what_a_crash_left_unfinished_is_told(home: Path, answered: bool, told: str) -> None:
    with Store(home / FILE_NAME) as store:
        prompt = (left := store.new_chat()).add_prompt("one")
        if answered:
            left.start_reply(prompt).end(Outcome("interrupted", {}, ""))
    async with chat(
        ScriptedEngine(answer_by_itself=False), opening=Opening(continue_last=True)
    ) as c:
        await c.until_shown("one", told)
        await c.send("two")
        await c.until(lambda: c.engine.generates)
        await c.until(lambda: told not in c.everything)


async def test_without_a_last_chat_a_new_one_is_begun() -> None:
    async with chat(opening=Opening(continue_last=True)) as c:
        await c.until_shown("There is no chat yet to go on with")


async def test_ephemeral_chats_are_found_again_and_not_kept(home: Path) -> None:
    async with chat(opening=Opening(ephemeral=True)) as c:
        await c.send("a secret")
        await c.until_shown(FIGURES)
        assert [found.title for found in c.screen.recent_chats()] == ["a secret"]
        assert "not being saved" not in c.everything
    assert not list(home.glob(f"{FILE_NAME}*"))


async def test_a_prompt_that_waits_is_part_of_the_chat_that_is_left(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c, "one")
        await c.send("two")
    assert saved(home) == [
        ("user", "one", None),
        ("assistant", "Once upon a", "cancelled"),
        ("user", "two", None),
    ]
