"""Messages that are there: edited, answered again, gone on with, their versions looked at."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.conversation import INTERRUPTED, Outcome
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.engine.protocol import Failed, Generate
from medusa_chat.settings import DecodeSettings

from .driving import FIGURES, begin_reply, chat, contents, saved
from .scripted_engine import DEMO, ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path

    from .driving import Chat

REPLY = f"Hello there, friend.\n{FIGURES}"


def with_mark(mark: str, text: str = "Hello there, friend.") -> str:
    return f"{text}\n{mark} · {FIGURES}"


async def said(c: Chat, *prompts: str) -> None:
    """Send prompts, each after the reply to the one before."""
    for prompt in prompts:
        count = c.everything.count("first token")
        await c.send(prompt)
        await c.until(lambda count=count: c.everything.count("first token") == count + 1)  # type: ignore[misc]


def asked(c: Chat) -> list[tuple[str, str]]:
    return contents(c.engine.generates[-1])


async def test_an_earlier_prompt_is_edited_and_both_versions_stay() -> None:
    async with chat(size=(120, 40)) as c:
        await said(c, "one", "two")
        await c.pilot.press(*["alt+up"] * 4, "e")
        assert c.prompt.text == "one"
        assert "Editing" in str(c.prompt.border_title)
        await c.pilot.press("!", "enter")
        await c.until(lambda: c.turns == ["one!\n2 of 2", REPLY])
        assert asked(c) == [("user", "one!")]
        assert c.prompt.border_title is None
        await said(c, "three")
        await c.pilot.press(*["alt+up"] * 4, "[")
        await c.until(lambda: c.turns == ["one\n1 of 2", REPLY, "two", REPLY])
        assert c.prompt.text == ""
        await c.pilot.press("[", "]")
        await c.until(lambda: c.turns == ["one!\n2 of 2", REPLY, "three", REPLY])
        await c.pilot.press("]", "]")
        await c.settle()
        assert c.turns[0] == "one!\n2 of 2"


async def test_letters_are_written_unless_a_message_is_chosen() -> None:
    async with chat() as c:
        await said(c, "one")
        await c.pilot.press("e", "r", "i", "c", "[")
        assert c.prompt.text == "eric["
        c.prompt.clear()
        await c.pilot.press("alt+up")
        assert "r again" in str(c.prompt.placeholder)
        await c.pilot.press("x")
        assert c.prompt.text == "x"
        await c.pilot.press("e", "r")
        assert c.prompt.text == "xer"
        assert len(c.engine.generates) == 1


async def test_editing_can_be_given_up() -> None:
    async with chat() as c:
        await said(c, "one")
        await c.pilot.press("alt+e")
        assert c.prompt.text == "one"
        await c.pilot.press("escape")
        assert c.prompt.text == ""
        await said(c, "two")
        assert asked(c)[0] == ("user", "one")


@pytest.mark.parametrize("keys", [("ctrl+y",), ("alt+up", "r"), ("alt+up", "alt+up", "r")])
async def test_a_reply_is_had_in_another_way(keys: tuple[str, ...]) -> None:
    async with chat(size=(120, 40), decode=DecodeSettings(seed=5)) as c:
        await said(c, "one")
        c.engine.bursts = (("Another", " one"),)
        await c.pilot.press(*keys)
        await c.until(lambda: len(c.turns) == 2 and "Another one" in c.turns[1])
        assert "2 of 2" in c.turns[1]
        first, second = c.engine.generates
        assert first.messages == second.messages
        # The seed that is set would bring the same text.
        assert (first.settings.seed, second.settings.seed) == (5, None)
        await c.pilot.press("alt+left")
        await c.until(lambda: c.turns == ["one", with_mark("1 of 2")])
        await said(c, "two")
        assert asked(c) == [
            ("user", "one"),
            ("assistant", "Hello there, friend."),
            ("user", "two"),
        ]


async def test_a_retry_waits_for_the_reply_that_runs() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), size=(120, 40)) as c:
        request = await begin_reply(c, "one")
        await c.pilot.press("ctrl+y")
        await c.settle()
        assert c.engine.generates == [request]
        assert "Once upon a" in c.turns[-1]
        c.engine.write(request, ((" time",),))
        await c.until_shown("Once upon a time")
        c.engine.answer_by_itself = True
        c.engine.finish(request)
        await c.until(lambda: c.turns == ["one", with_mark("2 of 2")])


async def test_a_reply_that_is_written_goes_on_while_another_version_is_read(home: Path) -> None:
    async with chat(size=(120, 40)) as c:
        await said(c, "one")
        c.engine.answer_by_itself = False
        await c.pilot.press("ctrl+y")
        await c.until(lambda: len(c.engine.generates) == 2)
        request = c.engine.generates[1]
        c.engine.start(request)
        c.engine.write(request, (("Once", " upon"),))
        await c.until_shown("Once upon")
        await c.pilot.press("alt+left")
        await c.until(lambda: c.turns == ["one", with_mark("1 of 2")])
        c.engine.write(request, ((" a", " time"),))
        await c.settle()
        assert "time" not in c.everything
        await c.pilot.press("alt+right")
        await c.until_shown("Once upon a time")
        c.engine.write(request, (("!",),))
        await c.until_shown("Once upon a time!")
        await c.pilot.press("alt+left")
        await c.until(lambda: c.turns == ["one", with_mark("1 of 2")])
        c.engine.finish(request)
        await c.settle()
        await c.pilot.press("alt+right")
        await c.until(lambda: c.turns == ["one", with_mark("2 of 2", "Once upon a time!")])
    assert saved(home)[1] == ("assistant", "Once upon a time!", "eos")


async def test_a_stopped_reply_goes_on(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), decode=DecodeSettings(top_k=7)) as c:
        await begin_reply(c, "one")
        await c.pilot.press("escape")
        await c.until_shown("stopped")
        await c.pilot.press("alt+up", "c")
        await c.until(lambda: len(c.engine.generates) == 2)
        request = c.engine.generates[1]
        assert contents(request) == [("user", "one"), ("assistant", "Once upon a")]
        assert (request.settings.seed, request.settings.top_k) == (1234, 7)
        c.engine.start(request)
        c.engine.write(request, ((" time",),))
        await c.until_shown("Once upon a time")
        c.engine.finish(request)
        await c.until(lambda: "8 tokens" in c.turns[-1])
        assert "Once upon a time" in c.turns[-1]
        assert "stopped" not in c.turns[-1]
    assert saved(home) == [("user", "one", None), ("assistant", "Once upon a time", "eos")]
    with Store(home / FILE_NAME) as store:
        outcome = store.chat(store.chats()[0].id).path[1].outcome
    assert outcome is not None
    assert outcome.figures["tokens"] == 8


async def test_going_on_can_be_stopped_and_gone_on_with_again(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c, "one")
        for number in range(2, 5):
            await c.pilot.press("escape")
            await c.until_shown("stopped")
            await c.pilot.press("alt+g")
            await c.until(lambda number=number: len(c.engine.generates) == number)  # type: ignore[misc]
            c.engine.start(c.engine.generates[-1])
            c.engine.write(c.engine.generates[-1], ((f" {number}",),))
            await c.until_shown(f" {number}\n")
        c.engine.finish(c.engine.generates[-1])
        await c.until_shown("Once upon a 2 3 4")
        await c.settle()
    assert saved(home)[1] == ("assistant", "Once upon a 2 3 4", "eos")


async def test_what_fails_before_it_goes_on_stays_as_it_was(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c, "one")
        await c.pilot.press("escape")
        await c.until_shown("stopped")
        await c.pilot.press("alt+g")
        await c.until(lambda: len(c.engine.generates) == 2)
        c.engine.emit(Failed(c.engine.generates[1].reply_id, "No memory."))
        await c.until_shown("Error: No memory.", "182 ms · stopped")
        await c.pilot.press("alt+g")
        await c.until(lambda: len(c.engine.generates) == 3)
        assert contents(c.engine.generates[2])[-1] == ("assistant", "Once upon a")
    assert saved(home)[1] == ("assistant", "Once upon a", "cancelled")


async def test_an_interrupted_reply_goes_on_and_tells_what_was_measured(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        request = await begin_reply(c, "one")
        c.engine.finish(request)
        await c.until_shown(FIGURES)
        chat_of_now = c.screen._dialogue.chat
        reply = chat_of_now.continue_reply(chat_of_now.path[1])
        reply.end(Outcome(INTERRUPTED))
    async with chat() as c:
        c.screen.open_chat(c.screen.recent_chats()[0].id)
        await c.until_shown("Once upon a\ninterrupted", "Alt+G goes on with it.")
        await c.pilot.press("alt+g")
        await c.until(lambda: "Alt+G goes on with it." not in c.everything)
        await c.until_shown(f"Once upon aHello there, friend.\nsince it went on: {FIGURES}")
    assert saved(home)[1] == ("assistant", "Once upon aHello there, friend.", "eos")


async def test_a_reply_that_ended_by_itself_or_is_anothers_does_not_go_on() -> None:
    other = ScriptedEngine(loaded=dataclasses.replace(DEMO, model="owner/other"))
    async with chat(ScriptedEngine(answer_by_itself=False), other) as c:
        request = await begin_reply(c, "one")
        await c.pilot.press("alt+g")
        await c.until_shown("This reply is being written.")
        c.engine.finish(request)
        await c.until_shown(FIGURES)
        await c.pilot.press("alt+g")
        await c.until_shown("The model ended this reply itself.")
        await c.send("two")
        await c.until(lambda: len(c.engine.generates) == 2)
        c.engine.start(c.engine.generates[1])
        c.engine.write(c.engine.generates[1], (("Half",),))
        await c.until_shown("Half")
        await c.pilot.press("escape")
        await c.until_shown("stopped")
        await c.screen.load(dataclasses.replace(c.screen._link.settings, model="owner/other"))
        await c.until_shown("owner/other")
        await c.pilot.press("alt+g")
        await c.until_shown("builtin wrote this reply")


async def test_an_edit_and_a_retry_are_undone() -> None:
    async with chat(size=(120, 40)) as c:
        await said(c, "one")
        await c.pilot.press("ctrl+y")
        await c.until(lambda: c.turns == ["one", with_mark("2 of 2")])
        await c.pilot.press("alt+e", "!", "enter")
        await c.until(lambda: c.turns == ["one!\n2 of 2", REPLY])
        await c.pilot.press("ctrl+z")
        await c.until(lambda: c.turns[:2] == ["one\n1 of 2", with_mark("2 of 2")])
        assert c.turns[2] == "Undone: the edit."
        await c.pilot.press("ctrl+z")
        await c.until(lambda: c.turns[:2] == ["one\n1 of 2", with_mark("1 of 2")])
        await c.pilot.press("ctrl+z")
        await c.until_shown("There is nothing to undo.")
        await c.pilot.press("a", "b", "ctrl+z")
        assert c.prompt.text != "ab"


async def test_details_of_a_reply_are_shown_and_it_is_repeated_by_its_seed() -> None:
    decode = DecodeSettings(temperature=0.3, system="Be brief.", stop=("END",))
    async with chat(size=(120, 40), decode=decode) as c:
        await c.pilot.press("alt+i")
        await c.until_shown("There is no reply yet to tell of.")
        await said(c, "one")
        await c.pilot.press("alt+up", "i")
        await c.until(lambda: len(c.app.screen_stack) == 2)
        await c.settle()
        shown = "\n".join(str(one.visual) for one in c.app.screen.query("Static"))  # type: ignore[attr-defined]
        for words in ("1234", "0.3", "builtin", "float32 on cpu", "Medusa", "Be brief.", "'END'"):
            assert words in shown
        assert "4 in 3 steps" in shown
        await c.pilot.press("s")
        await c.until(lambda: c.turns == ["one", with_mark("2 of 2")])
        first, second = c.engine.generates
        assert second.settings == dataclasses.replace(first.settings, seed=1234)


async def test_a_prompt_without_a_reply_is_answered_when_asked_again() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await c.send("one")
        await c.until(lambda: c.engine.generates)
        c.engine.emit(Failed(1, "Out of memory."))
        await c.until_shown("Error: Out of memory.")
        c.engine.answer_by_itself = True
        await c.pilot.press("ctrl+y")
        await c.until_shown("Hello there, friend.")
        assert isinstance(c.engine.requests[-1], Generate)


async def test_a_chat_with_versions_is_opened_with_its_marks(home: Path) -> None:
    async with chat() as c:
        await said(c, "one")
        await c.pilot.press("ctrl+y")
        await c.until_shown("2 of 2")
    async with chat() as c:
        c.screen.open_chat(c.screen.recent_chats()[0].id)
        await c.until(lambda: c.turns == ["one", with_mark("2 of 2")])
        await c.pilot.press("alt+up", "[")
        await c.until(lambda: c.turns == ["one", with_mark("1 of 2")])
