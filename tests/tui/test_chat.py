"""The chat as its user meets it: keys in, a screen out, a scripted engine behind."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest
from textual.events import MouseScrollDown

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    Cancel,
    ChatMessage,
    Failed,
    Generate,
    Loading,
    Piece,
)
from medusa_chat.settings import DecodeSettings
from medusa_chat.tui.widgets.block import Block
from medusa_chat.tui.widgets.gauges import GaugeLine, Gauges
from medusa_chat.tui.widgets.reply import Reply
from medusa_chat.tui.widgets.transcript import Transcript

from .driving import SIZES, Chat, chat
from .scripted_engine import DEMO, ScriptedEngine, figures_of

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = "100 tok/s · 1.33 accepted/step · 4 tokens · 0.0 s · first token 182 ms"

LINES = tuple((f"line {n}\n",) for n in range(200))


def contents(request: Generate) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]


def saved(home: Path) -> list[tuple[str, str, str | None]]:
    """Return role, text and stop reason of every turn of the latest chat on disk."""
    with Store(home / FILE_NAME) as store:
        turns = store.load(store.recent(1)[0].id).turns
    return [
        (turn.role, turn.content, turn.outcome.stop_reason if turn.outcome else None)
        for turn in turns
    ]


async def begin_reply(chat: Chat, text: str = "Hello") -> Generate:
    """Send a prompt to an engine that waits for the test, and let it write the first burst."""
    await chat.until_shown("builtin · float32 · cpu")
    await chat.send(text)
    await chat.until(lambda: chat.engine.generates)
    request = chat.engine.generates[-1]
    chat.engine.start(request)
    chat.engine.write(request, (("Once", " upon"), (" a",)))
    await chat.until_shown("Once upon a")
    return request


# A reply ---------------------------------------------------------------------------------------


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
            reply = store.load(1).turns[1]
    assert reply.recipe is not None
    assert (reply.recipe.model, reply.recipe.device) == ("builtin", "cpu")
    assert (reply.recipe.mode, reply.recipe.tree) == ("medusa", "dynamic, 8 nodes")
    assert (reply.recipe.seed, reply.recipe.temperature) == (1234, 0.2)
    assert reply.recipe.system == "Be brief."
    assert "python" in reply.recipe.versions
    assert reply.outcome is not None
    assert reply.outcome.figures["accepted_counts"] == [2, 1]
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
        await c.until_shown("loading builtin: reading the weights…")
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


# What is shown ---------------------------------------------------------------------------------


async def test_bursts_have_colours_and_drafts_are_underlined() -> None:
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        block = c.screen.query_one(Block)
        text = str(block.visual)
        spans = [(text[span.start : span.end], str(span.style)) for span in block.content.spans]  # type: ignore[union-attr]
        first, second, third = "$text-primary", "$text-warning", "$text-success"
        assert spans == [
            ("Hello ", first),
            ("there,", f"{first} underline"),
            (" friend", second),
            (".", third),
        ]
        await c.pilot.press("f3")
        assert not block.content.spans  # type: ignore[union-attr]
        await c.pilot.press("f3")
        assert block.content.spans  # type: ignore[union-attr]


async def test_model_text_is_neither_markup_nor_control() -> None:
    nasty = "[red]x[/red] \x1b[2J\x07[link=x]"
    engine = ScriptedEngine(loaded=dataclasses.replace(DEMO, notices=(nasty,)), bursts=((nasty,),))
    async with chat(engine) as c:
        await c.send(nasty)
        await c.until_shown("first token")
        assert c.everything.count("[red]x[/red] [2J[link=x]") == 3
        assert "\x1b" not in c.everything


async def test_a_long_reply_is_many_blocks_and_the_end_is_followed() -> None:
    async with chat(ScriptedEngine(bursts=LINES)) as c:
        await c.send("Hi")
        await c.until_shown("line 199", "first token")
        transcript = c.screen.query_one(Transcript)
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y > 100)
        assert len(c.screen.query(Block)) > 1
        assert c.screen.query_one(Reply).region.bottom <= transcript.region.bottom


async def test_a_reader_who_scrolled_up_is_left_alone() -> None:
    async with chat(ScriptedEngine(bursts=LINES, answer_by_itself=False)) as c:
        await c.send("Hi")
        await c.until(lambda: c.engine.generates)
        request = c.engine.generates[0]
        c.engine.start(request)
        c.engine.write(request, LINES[:100])
        transcript = c.screen.query_one(Transcript)
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y > 50)
        await c.pilot.press("pageup")
        await c.until(lambda: transcript.scroll_y < transcript.max_scroll_y - 5)
        await c.settle()
        place = transcript.scroll_y
        c.engine.write(request, LINES[100:])
        await c.until_shown("line 199")
        await c.settle()
        assert transcript.scroll_y == place
        while transcript.scroll_y < transcript.max_scroll_y:
            await c.pilot.press("pagedown")
        await c.pilot.press("pagedown")
        await c.pilot._post_mouse_events([MouseScrollDown], Transcript)
        c.engine.finish(request)
        await c.until_shown("first token")
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("owner/a-model", "owner/a-model · 4bit · float32"),
        ("/very/long/path/a-model", "\na-model · 4bit"),
        ("./models/a-model", "\na-model · 4bit"),
    ],
)
async def test_the_header_names_the_model(model: str, name: str) -> None:
    loaded = dataclasses.replace(DEMO, model=model, quantization="4bit")
    async with chat(ScriptedEngine(loaded=loaded)) as c:
        await c.until(lambda: name in f"\n{c.everything}")


@pytest.mark.parametrize(("width", "is_wide"), [(69, False), (70, True)])
async def test_the_gauges_are_a_panel_or_a_line(width: int, is_wide: bool) -> None:
    async with chat(size=(width, 24)) as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        assert c.screen.query_one(Gauges).display == is_wide
        assert c.screen.query_one(GaugeLine).display != is_wide
        await c.until_shown("24 of 2048")


@pytest.mark.parametrize("size", [*SIZES, (60, 16)])
async def test_every_part_keeps_its_place_at_every_size(size: tuple[int, int]) -> None:
    async with chat(ScriptedEngine(bursts=LINES), size=size) as c:
        await c.send("Hi")
        await c.until_shown("line 199")
        await c.settle()
        prompt, transcript = c.prompt.region, c.screen.query_one(Transcript).region
        assert prompt.bottom == size[1] - 1
        assert transcript.y == 1
        assert transcript.height >= size[1] // 2
        assert c.prompt.size.width > 30


async def test_the_speed_up_is_shown_once_both_kinds_were_measured() -> None:
    async with chat() as c:
        await c.send("with")
        await c.until_shown(FIGURES)
        await c.until_shown("send a reply with Medusa")
        await c.pilot.press("f2")
        await c.send("without")
        await c.until_shown("2.00×")
        assert "send a reply with Medusa" not in c.everything


# Keys ------------------------------------------------------------------------------------------


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
        monkeypatch.setattr("medusa_chat.tui.screens.chat.Path.cwd", lambda: tmp_path / "gone")
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
        await c.pilot.mouse_down(Block, offset=(0, 0))
        await c.pilot.hover(Block, offset=(10, 0))
        await c.pilot.mouse_up(Block, offset=(10, 0))
        await c.pilot.press("ctrl+c")
        assert c.app.clipboard.startswith("Hello ther")
        assert c.prompt.has_focus
        assert c.screen.get_selected_text() is None


async def test_all_of_a_reply_is_copied_word_for_word() -> None:
    async with chat(ScriptedEngine(bursts=LINES)) as c:
        await c.send("Hi")
        await c.until_shown("first token")
        reply = c.screen.query_one(Reply)
        reply.text_select_all()
        await c.pilot.press("ctrl+c")
        assert c.app.clipboard.startswith("".join(burst[0] for burst in LINES))


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
        text = c.app.screen.query_one("#help Static").visual  # type: ignore[attr-defined]
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


# What goes wrong -------------------------------------------------------------------------------


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
        await c.until_shown("Error: The prompt has 9000 tokens. The context is full. Ctrl+N")
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
