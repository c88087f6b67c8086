"""What goes wrong, in words, with the conversation kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.conversation.store import FILE_NAME
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    Failed,
    Piece,
)

from .driving import FIGURES, begin_reply, chat, contents, saved
from .scripted_engine import ScriptedEngine, figures_of

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_a_chat_that_cannot_be_saved_says_so_and_goes_on(home: Path) -> None:
    (home / FILE_NAME).write_text("no database " * 1000)
    async with chat() as c:
        await c.until_shown("Error: This chat is not being saved.", FILE_NAME)
        await c.send("Hi")
        await c.until_shown(FIGURES)
        assert c.everything.count("not being saved") == 1


async def test_a_store_that_fails_later_says_so_once_and_the_next_chat_tries_again(
    home: Path,
) -> None:
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        store = c.screen._archive._store
        assert store is not None
        store.close()
        await c.send("more")
        await c.until_shown("Error: This chat is not being saved.")
        await c.until(lambda: c.everything.count(FIGURES) == 2)
        assert c.everything.count("not being saved") == 1
        await c.pilot.press("ctrl+n")
        await c.send("fresh")
        await c.until_shown(FIGURES)
        assert saved(home)[0] == ("user", "fresh", None)


async def test_events_of_a_reply_that_nobody_asked_for_are_passed_over() -> None:
    async with chat() as c:
        await c.until_shown("Medusa on")
        c.engine.emit(Bursts(77, (Piece(0, "stray", 1),), figures_of((("stray",),))))
        c.engine.emit(Failed(77, "stray"))
        await c.settle()
        assert "stray" not in c.everything
