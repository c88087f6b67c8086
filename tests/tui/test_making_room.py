"""A conversation that outgrows the model's context: nothing is left out unless the user says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import Cancel, Failed, Overflow
from medusa_chat.settings import DecodeSettings
from medusa_chat.tui import context_room
from medusa_chat.tui.screens.context_offer import ContextOffer

from .driving import SIZES, chat, contents, saved
from .scripted_engine import ScriptedEngine
from .test_revising import said

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_chat.engine.protocol import Generate

    from .driving import Chat

RULE = "—— the 4 messages above are no longer sent ——"


async def overflowing(c: Chat, *, offered: bool = True) -> Generate:
    """Say two things, and a third that does not fit: four messages would have to go."""
    await said(c, "one", "two")
    c.engine.answer_by_itself = False
    await c.send("three")
    await c.until(lambda: len(c.engine.generates) == 3)
    request = c.engine.generates[-1]
    refuse(c, request)
    if offered:
        await c.until(lambda: isinstance(c.app.screen, ContextOffer))
        await c.settle()
    return request


def refuse(c: Chat, request: Generate, spare: int = 4) -> None:
    c.engine.emit(
        Failed(
            request.reply_id, "Too long.", context_full=True, overflow=Overflow(2300, 2048, spare)
        )
    )


def shown(c: Chat) -> str:
    """Return what the offer says."""
    return "\n".join(str(one.visual) for one in c.app.screen.query("Static"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [*SIZES, (60, 16)])
async def test_the_oldest_messages_are_left_out_when_the_user_says_so(
    size: tuple[int, int], home: Path
) -> None:
    async with chat(size=size) as c:
        await overflowing(c)
        assert "2300 tokens" in shown(c)
        assert "2048" in shown(c)
        assert saved(home)[-1] == ("user", "three", None)
        c.engine.answer_by_itself = True
        await c.pilot.press("enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        assert contents(c.engine.generates[-1]) == [("user", "three")]
        await c.until(lambda: c.turns[4:6] == [RULE, "three"])
        await said(c, "four")
        assert contents(c.engine.generates[-1])[0] == ("user", "three")
    async with chat(size=size) as c:
        c.screen.open_chat(c.screen.recent_chats()[0].id)
        await c.until(lambda: RULE in c.turns)
        await said(c, "five")
        assert contents(c.engine.generates[-1])[0] == ("user", "three")


async def test_the_oldest_messages_are_summed_up_by_the_model() -> None:
    async with chat(decode=DecodeSettings(system="Be brief.", seed=3)) as c:
        await overflowing(c)
        await c.pilot.press("down", "enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        request = c.engine.generates[-1]
        asked = contents(request)
        assert asked[:-1] == [
            ("system", "Be brief."),
            ("user", "one"),
            ("assistant", "Hello there, friend."),
            ("user", "two"),
            ("assistant", "Hello there, friend."),
        ]
        assert asked[-1][0] == "user"
        assert "Sum up" in asked[-1][1]
        assert request.settings.max_new_tokens == 2048 // 8
        c.engine.start(request)
        c.engine.write(request, (("They", " greeted"), (" each other.",)))
        c.engine.finish(request)
        await c.until(lambda: len(c.engine.generates) == 5)
        opening = contents(c.engine.generates[-1])
        assert opening[0] == (
            "system",
            "Be brief.\n\nSummary of the conversation before this:\nThey greeted each other.",
        )
        assert opening[1:] == [("user", "three")]
        assert any(turn.startswith(RULE) and "They greeted each other." in turn for turn in c.turns)
        assert c.turns.index("three") > 0


async def test_a_second_summary_holds_the_first() -> None:
    async with chat() as c:
        await overflowing(c)
        await c.pilot.press("down", "enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        c.engine.start(c.engine.generates[-1])
        c.engine.write(c.engine.generates[-1], (("First.",),))
        c.engine.answer_by_itself = True
        c.engine.finish(c.engine.generates[-1])
        await c.until(lambda: c.everything.count("first token") == 3)
        await said(c, "four")
        await c.pilot.press("alt+o")
        await c.until(lambda: isinstance(c.app.screen, ContextOffer))
        await c.settle()
        c.engine.bursts = (("Second.",),)
        await c.pilot.press("down", "enter")
        await c.until(lambda: "Sum up" in contents(c.engine.generates[-1])[-1][1])
        assert "First." in contents(c.engine.generates[-1])[0][1]
        await c.until_shown("Second.")
        await said(c, "five")
        assert contents(c.engine.generates[-1])[0][1].endswith("Second.")


async def test_the_prompt_is_asked_in_a_new_chat(home: Path) -> None:
    async with chat() as c:
        await overflowing(c)
        c.engine.answer_by_itself = True
        await c.pilot.press("down", "down", "enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        assert contents(c.engine.generates[-1]) == [("user", "three")]
        await c.until_shown("first token")
    with Store(home / FILE_NAME) as store:
        assert sorted(one.title for one in store.chats()) == ["one", "three"]
        old = next(one for one in store.chats() if one.title == "one")
        assert [message.content for message in store.chat(old.id).path][-2:] == [
            "two",
            "Hello there, friend.",
        ]


async def test_a_prompt_that_does_not_fit_can_be_left_and_tried_again(home: Path) -> None:
    async with chat() as c:
        await overflowing(c)
        await c.pilot.press("escape")
        await c.until_shown("It was not sent.")
        assert saved(home)[-1] == ("user", "three", None)
        c.engine.answer_by_itself = True
        await said(c, "short")
        assert contents(c.engine.generates[-1])[-1] == ("user", "short")
        assert ("user", "three") not in contents(c.engine.generates[-1])


async def test_who_writes_is_not_interrupted_and_the_line_waits() -> None:
    async with chat() as c:
        await said(c, "one", "two")
        c.engine.answer_by_itself = False
        await c.send("three")
        await c.until(lambda: len(c.engine.generates) == 3)
        await c.send("waiting")
        await c.pilot.press("h", "m")
        refuse(c, c.engine.generates[-1])
        await c.until_shown("Nothing was sent: Alt+O makes room.")
        await c.settle()
        assert c.app.screen is c.screen
        assert len(c.engine.generates) == 3
        c.engine.answer_by_itself = True
        await c.pilot.press("alt+o")
        await c.until(lambda: isinstance(c.app.screen, ContextOffer))
        await c.settle()
        await c.pilot.press("enter")
        await c.until(lambda: len(c.engine.generates) == 5)
        assert [contents(one)[-1][1] for one in c.engine.generates[3:]] == ["three", "waiting"]
        assert c.prompt.text == "hm"


async def test_a_prompt_that_is_too_long_by_itself_is_an_error() -> None:
    async with chat() as c:
        await said(c, "one")
        c.engine.answer_by_itself = False
        await c.send("long")
        await c.until(lambda: len(c.engine.generates) == 2)
        refuse(c, c.engine.generates[-1], spare=0)
        await c.until_shown("Error: Too long.")
        assert c.app.screen is c.screen


async def test_a_reply_that_fills_the_context_goes_on_when_there_is_room() -> None:
    async with chat() as c:
        await said(c, "one", "two")
        c.engine.stop_reason = "context"
        await c.send("three")
        await c.until_shown("Alt+O makes room and goes on")
        await c.pilot.press("alt+o")
        await c.until(lambda: isinstance(c.app.screen, ContextOffer))
        await c.settle()
        await c.pilot.press("enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        assert contents(c.engine.generates[-1])[-2:] == [
            ("user", "three"),
            ("assistant", "Hello there, friend."),
        ]
        assert contents(c.engine.generates[-1])[0] != ("user", "one")


async def test_there_may_be_nothing_to_leave_out() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await c.until_shown("Medusa on")
        await c.pilot.press("alt+o")
        await c.until_shown("There is nothing yet that could be left out")
        await c.send("one")
        await c.until(lambda: c.engine.generates)
        await c.pilot.press("alt+o")
        await c.until_shown("Room can be made once the model is free")


@pytest.mark.parametrize("end", ["stopped", "failed", "gone"])
async def test_a_summary_that_does_not_come_leaves_all_as_it_was(end: str) -> None:
    fresh = ScriptedEngine()
    async with chat(ScriptedEngine(), fresh) as c:
        await overflowing(c)
        await c.pilot.press("down", "enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        request = c.engine.generates[-1]
        c.engine.start(request)
        c.engine.write(request, (("Half a",),))
        if end == "stopped":
            await c.pilot.press("escape")
            assert c.engine.requests[-1] == Cancel(request.reply_id)
            await c.until_shown("The summary was stopped.")
        elif end == "failed":
            c.engine.emit(Failed(request.reply_id, "No memory."))
            await c.until_shown("No memory. It was not sent.")
        else:
            c.engine.emit(Ended(-9))
            await c.until_shown("Error: The engine was ended by SIGKILL")
            await c.pilot.press("ctrl+r")
            await c.until(lambda: fresh.generates)
            assert contents(fresh.generates[0])[-1] == ("user", "three")
        assert all(message.cut is None for message in c.screen._dialogue.chat.path)


async def test_what_is_too_long_to_be_summed_up_is_shortened_and_that_said() -> None:
    async with chat() as c:
        await overflowing(c)
        await c.pilot.press("down", "enter")
        await c.until(lambda: len(c.engine.generates) == 4)
        refuse(c, c.engine.generates[-1], spare=0)
        await c.until(lambda: len(c.engine.generates) == 5)
        await c.until_shown("the model sums up the beginning of each")
        asked = contents(c.engine.generates[-1])
        assert asked[0] == ("user", "o…")
        assert asked[1] == ("assistant", "Hello there…"[: int(0.6 * 2048 / 2300 * 20)] + "…")
        assert "Sum up" in asked[-1][1]
        refuse(c, c.engine.generates[-1], spare=0)
        await c.until_shown("Too long. It was not sent.")


async def test_leaving_out_is_undone() -> None:
    async with chat() as c:
        await overflowing(c)
        c.engine.answer_by_itself = True
        await c.pilot.press("enter")
        await c.until(lambda: RULE in c.turns)
        await c.settle()
        await c.pilot.press("ctrl+z")
        await c.until(lambda: RULE not in c.turns)
        await c.until_shown("Undone: what is not sent.")


def test_half_of_the_text_is_found_by_its_length() -> None:
    with Store() as store:
        written = store.new_chat()
        for text in ("x" * 10, "x" * 10, "x" * 10, "x" * 30):
            reply = written.start_reply(written.add_prompt(text))
            reply.append("y")
        pairs = written.dialogue_before(None)
    assert context_room.half(pairs) == 6
    assert context_room.half(pairs[:2]) == 2
    assert context_room.half(pairs[:1]) == 0
    assert context_room.place(pairs, 4, pairs[0][0]) == pairs[2][0]
    assert context_room.place(pairs, 8, pairs[0][0]) == pairs[0][0]
