"""Every key, and what it does."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from medusa_chat.engine.protocol import (
    Cancel,
)
from medusa_chat.tui.widgets.reply import Reply

from .driving import FIGURES, LINES, SIZES, begin_reply, chat, contents, saved
from .scripted_engine import DEMO, ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter"])
async def test_a_new_line_can_be_written(key: str) -> None:
    async with chat() as c:
        await c.pilot.press("a", key, "b", "enter")
        await c.until(lambda: c.engine.generates)
        assert contents(c.engine.generates[0]) == [("user", "a\nb")]


async def test_the_prompt_grows_with_its_text() -> None:
    async with chat() as c:
        heights = []
        for _ in range(12):
            heights.append(c.prompt.size.height)
            await c.pilot.press("a", "ctrl+j")
        assert heights[:3] == [1, 2, 3]
        assert heights[-1] == 8


async def test_up_in_an_empty_prompt_brings_back_the_last_one() -> None:
    async with chat() as c:
        await c.pilot.press("up")
        assert c.prompt.text == ""
        await c.send("one\ntwo")
        await c.pilot.press("up")
        assert c.prompt.text == "one\ntwo"
        await c.pilot.press("up", "up", "x")
        assert c.prompt.text.count("one") == 1


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_a_reply_can_be_stopped_and_its_text_stays(key: str, home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        request = await begin_reply(c)
        await c.pilot.press(key)
        await c.until_shown("first token 182 ms · stopped")
        assert c.engine.requests[-1] == Cancel(request.reply_id)
        assert "Once upon a\n" in c.turns[-1]
        assert saved(home)[1] == ("assistant", "Once upon a", "cancelled")
        await c.send("go on")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert contents(c.engine.generates[1])[1] == ("assistant", "Once upon a")


async def test_escape_without_a_reply_does_nothing() -> None:
    async with chat() as c:
        await c.pilot.press("x", "escape", "escape")
        assert c.prompt.text == "x"
        assert c.prompt.has_focus


@pytest.mark.parametrize("key", ["f2", "ctrl+t"])
async def test_medusa_is_turned_off_and_on_from_the_next_reply(key: str) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        request = await begin_reply(c)
        await c.pilot.press(key)
        await c.until_shown("○ Medusa off")
        assert c.engine.generates == [request]
        c.engine.finish(request)
        await c.send("again")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert [g.settings.medusa for g in c.engine.generates] == [True, False]
        await c.pilot.press(key)
        await c.until_shown("● Medusa on")


async def test_a_model_without_heads_says_why_medusa_stays_off() -> None:
    loaded = dataclasses.replace(DEMO, heads=0, plain_reason="this model has no heads.")
    async with chat(ScriptedEngine(loaded=loaded)) as c:
        await c.until_shown("Medusa is off: this model has no heads.", "○ Medusa off")
        await c.pilot.press("f2")
        await c.until_shown("Medusa cannot be turned on: this model has no heads.", "○ Medusa off")
        await c.send("Hi")
        await c.until_shown("Medusa off")
        assert c.engine.generates[0].settings.medusa is False


async def test_a_new_chat_keeps_the_old_one_and_forgets_it(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        old = await begin_reply(c)
        await c.pilot.press("ctrl+n")
        await c.until(lambda: len(c.turns) == 1)
        assert saved(home)[1] == ("assistant", "Once upon a", "cancelled")
        c.engine.answer_by_itself = True
        await c.send("fresh")
        await c.until_shown(FIGURES)
        assert Cancel(old.reply_id) in c.engine.requests
        assert contents(c.engine.generates[-1]) == [("user", "fresh")]
        assert c.turns[1:] == ["fresh", f"Hello there, friend.\n{FIGURES}"]


async def test_a_new_chat_waits_until_the_old_reply_has_stopped() -> None:
    engine = ScriptedEngine(answer_by_itself=False, deaf=True)
    async with chat(engine) as c:
        old = await begin_reply(c)
        await c.pilot.press("ctrl+n")
        await c.send("fresh")
        await c.settle()
        assert engine.generates == [old]
        engine.write(old, (("late",),))
        engine.finish(old, "cancelled")
        await c.until(lambda: len(engine.generates) == 2)
        assert "late" not in c.everything


async def test_a_chat_is_exported_to_the_current_folder(tmp_path: Path) -> None:
    async with chat() as c:
        await c.pilot.press("ctrl+s")
        await c.until_shown("nothing to export")
        await c.send("Hi")
        await c.until_shown(FIGURES)
        await c.pilot.press("ctrl+s")
        await c.until_shown(f"Exported to {tmp_path}{os.sep}")
        (path,) = tmp_path.glob("*.md")
        assert str(path) in c.turns[-1].replace("\n", "")
        assert "Hello there, friend." in path.read_text()


async def test_an_export_that_fails_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        monkeypatch.setattr("medusa_chat.tui.screens.controls.Path.cwd", lambda: tmp_path / "gone")
        monkeypatch.setattr("platformdirs.user_documents_path", lambda: tmp_path / "gone")
        await c.pilot.press("ctrl+s")
        await c.until_shown("Error: The chat could not be exported")


async def test_control_c_asks_before_it_quits() -> None:
    async with chat() as c:
        await c.until_shown("Medusa on")
        await c.pilot.press("ctrl+c")
        await c.until(lambda: "Press Ctrl+C again to quit" in str(list(c.app._notifications)))
        assert c.app.is_running
        await c.pilot.press("ctrl+c")
        await c.until(lambda: c.app.return_code == 0)
    assert c.engine.closed


async def test_control_c_copies_what_is_selected_in_the_prompt() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c)
        await c.pilot.press("h", "i", "shift+left", "ctrl+c")
        assert c.app.clipboard == "i"
        assert not any(isinstance(request, Cancel) for request in c.engine.requests)


async def test_control_c_copies_what_is_selected_in_the_transcript() -> None:
    async with chat(size=(120, 40)) as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        await c.pilot.mouse_down(Reply, offset=(2, 0))
        await c.pilot.hover(Reply, offset=(11, 0))
        await c.pilot.mouse_up(Reply, offset=(11, 0))
        await c.pilot.press("ctrl+c")
        assert c.app.clipboard == "Hello ther"
        assert c.prompt.has_focus
        assert c.screen.get_selected_text() is None


async def test_all_of_a_reply_is_copied_word_for_word() -> None:
    async with chat(ScriptedEngine(bursts=LINES)) as c:
        await c.send("Hi")
        await c.until_shown("first token")
        reply = c.screen.query_one(Reply)
        reply.text_select_all()
        await c.pilot.press("ctrl+c")
        assert c.app.clipboard == "".join(burst[0] for burst in LINES).rstrip("\n")


async def test_control_q_quits_at_once_and_keeps_what_came(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c)
        await c.pilot.press("ctrl+q")
        await c.until(lambda: c.app.return_code == 0)
    assert c.engine.closed
    assert saved(home)[1] == ("assistant", "Once upon a", "cancelled")


@pytest.mark.parametrize("size", SIZES)
async def test_help_lists_the_keys(size: tuple[int, int]) -> None:
    async with chat(size=size) as c:
        await c.pilot.press("f1")
        text = c.app.screen.query_one(".dialog Static").visual  # type: ignore[attr-defined]
        for key in ("Enter", "Ctrl+J", "F2, Ctrl+T", "Esc", "Ctrl+N", "Ctrl+S", "Ctrl+R", "Ctrl+Q"):
            assert key in str(text)
        await c.pilot.press("escape")
        assert c.app.screen is c.screen
        assert c.prompt.has_focus


async def test_every_action_is_in_the_palette() -> None:
    async with chat() as c:
        titles = [command.title for command in c.app.get_system_commands(c.screen)]
        for words in ("Medusa on or off", "Stop", "new chat", "Export", "Start the engine", "Quit"):
            assert any(words in title for title in titles)
        await c.pilot.press("ctrl+p")
        await c.pilot.press(*"medusa", "enter")
        await c.until_shown("Medusa off")


async def test_an_earlier_chat_is_opened_from_the_palette_and_goes_on() -> None:
    async with chat() as c:
        await c.send("my earlier words")
        await c.until_shown(FIGURES)
        await c.pilot.press("ctrl+n")
        await c.until(lambda: len(c.turns) == 1)
        commands = {command.title: command for command in c.app.get_system_commands(c.screen)}
        commands["Open: my earlier words"].callback()
        await c.until_shown("my earlier words", FIGURES)
        await c.send("and more")
        await c.until(lambda: len(c.engine.generates) == 2)
        assert [text for _, text in contents(c.engine.generates[1])] == [
            "my earlier words",
            "Hello there, friend.",
            "and more",
        ]
