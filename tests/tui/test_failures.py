"""What goes wrong, in words, with the conversation kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.conversation import rows
from medusa_chat.conversation.store import FILE_NAME
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    Failed,
    Piece,
)
from medusa_chat.errors import StorageError

from .driving import FIGURES, begin_reply, chat, contents, saved
from .scripted_engine import ScriptedEngine, figures_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_model_that_cannot_be_loaded_is_told_once_and_can_be_tried_again(
    tmp_path: Path,
) -> None:
    failing, working = ScriptedEngine(load_failure="No such model."), ScriptedEngine()
    async with chat(failing, working, log_file=tmp_path / "the.log") as c:
        await c.send("Hi")
        await c.until_shown("Error: No such model.", str(tmp_path / "the.log"), "Ctrl+R")
        await c.until_shown("Hi\nwaiting for the engine: Ctrl+R starts it again")
        await c.settle()
        assert c.everything.count("Error:") == 1
        await c.pilot.press("ctrl+r")
        await c.until_shown(FIGURES)
        assert failing.closed


async def test_an_engine_that_dies_keeps_the_conversation(home: Path, tmp_path: Path) -> None:
    dying, fresh = ScriptedEngine(answer_by_itself=False), ScriptedEngine()
    async with chat(dying, fresh, log_file=tmp_path / "the.log") as c:
        await begin_reply(c)
        await c.send("next")
        dying.emit(Ended(-9))
        await c.until_shown("Error: The engine was ended by SIGKILL", "the.log", "Ctrl+R")
        assert saved(home) == [
            ("user", "Hello", None),
            ("assistant", "Once upon a", "failed"),
            ("user", "next", None),
        ]
        assert [turn.split("\n")[0][:6] for turn in c.turns[1:]] == [
            "Hello",
            "Once u",
            "Error:",
            "next",
        ]
        await c.pilot.press("ctrl+r")
        await c.until_shown("Hello there, friend.")
        assert [text for _, text in contents(fresh.generates[0])] == [
            "Hello",
            "Once upon a",
            "next",
        ]


async def test_a_reply_that_fails_without_a_word_is_no_part_of_the_dialogue() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await c.send("too much")
        await c.until(lambda: c.engine.generates)
        c.engine.emit(Failed(1, "The prompt has 9000 tokens.", context_full=True))
        await c.until_shown("Error: The prompt has 9000 tokens.")
        assert "Details are in" not in c.everything
        await c.send("less")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert contents(c.engine.generates[1]) == [("user", "less")]


async def test_a_reply_that_fails_names_the_log(tmp_path: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), log_file=tmp_path / "the.log") as c:
        request = await begin_reply(c)
        c.engine.emit(Failed(request.reply_id, "Out of memory."))
        await c.until_shown("Error: Out of memory.", "the.log", "182 ms · failed")


async def test_a_running_engine_is_not_restarted() -> None:
    async with chat() as c:
        await c.until_shown("Medusa on")
        await c.pilot.press("ctrl+r")
        await c.until_shown("The engine is running.")


async def test_an_engine_that_does_not_stop_can_be_restarted() -> None:
    hung, fresh = ScriptedEngine(answer_by_itself=False, deaf=True), ScriptedEngine()
    async with chat(hung, fresh) as c:
        request = await begin_reply(c)
        await c.pilot.press("escape")
        await c.until_shown("stopping…")
        hung.write(request, ((" time",),))
        await c.until_shown("Once upon a time\nstopping…")
        await c.pilot.press("ctrl+r")
        await c.until_shown("182 ms · stopped")
        await c.send("again")
        await c.until_shown("Hello there, friend.")
        assert hung.closed


async def test_an_engine_that_hangs_in_a_chat_that_was_left_can_be_restarted() -> None:
    hung, fresh = ScriptedEngine(answer_by_itself=False, deaf=True), ScriptedEngine()
    async with chat(hung, fresh) as c:
        await begin_reply(c)
        await c.pilot.press("ctrl+n")
        await c.send("fresh")
        await c.settle()
        assert len(hung.generates) == 1
        await c.pilot.press("ctrl+r")
        await c.until_shown("Hello there, friend.")
        assert hung.closed
        assert contents(fresh.generates[0]) == [("user", "fresh")]


async def test_a_damaged_file_of_chats_is_set_aside_and_a_new_one_begun(home: Path) -> None:
    damaged = "no database " * 1000
    (home / FILE_NAME).write_text(damaged)
    async with chat() as c:
        await c.until_shown("Error: The file of the chats is damaged.", f"{FILE_NAME}.damaged-")
        await c.send("Hi")
        await c.until_shown(FIGURES)
        assert saved(home)[0] == ("user", "Hi", None)
    (aside,) = home.glob(f"{FILE_NAME}.damaged-*")
    assert aside.read_text() == damaged


async def test_a_chat_that_cannot_be_saved_says_so_and_goes_on(home: Path) -> None:
    (home / FILE_NAME).mkdir()
    async with chat() as c:
        await c.until_shown("Error: This chat is not being saved.", FILE_NAME)
        await c.send("Hi")
        await c.until_shown(FIGURES)
        assert c.everything.count("not being saved") == 1
        assert [chat.title for chat in c.screen.recent_chats()] == ["Hi"]


async def test_a_disk_that_fails_for_a_while_is_told_once_and_loses_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        with monkeypatch.context() as trouble:
            trouble.setattr(rows, "write", full_disk)
            await c.send("more")
            await c.until_shown("Error: This chat is not being saved.", "full")
            await c.until(lambda: c.everything.count(FIGURES) == 2)
            assert c.everything.count("not being saved") == 1
            assert len(saved(home)) == 2
        await c.send("again")
        await c.until(lambda: c.everything.count(FIGURES) == 3)
        assert [text for _, text, _ in saved(home)][::2] == ["Hi", "more", "again"]


def full_disk(*_: object) -> None:
    raise StorageError("The disk is full.", "full")


async def test_events_of_a_reply_that_nobody_asked_for_are_passed_over() -> None:
    async with chat() as c:
        await c.until_shown("Medusa on")
        c.engine.emit(Bursts(77, (Piece(0, "stray", 1),), figures_of((("stray",),))))
        c.engine.emit(Failed(77, "stray"))
        await c.settle()
        assert "stray" not in c.everything
