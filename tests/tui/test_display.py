"""What is on the screen, at every size."""

from __future__ import annotations

import dataclasses

import pytest
from textual.events import MouseScrollDown

from medusa_chat.library import speeds
from medusa_chat.tui.widgets.gauges import GaugeLine, Gauges
from medusa_chat.tui.widgets.reply import Reply
from medusa_chat.tui.widgets.transcript import Transcript

from .driving import FIGURES, LINES, SIZES, chat
from .scripted_engine import DEMO, ScriptedEngine


async def test_model_text_is_neither_markup_nor_control() -> None:
    nasty = "[red]x[/red] \x1b[2J\x07[link=x]"
    engine = ScriptedEngine(loaded=dataclasses.replace(DEMO, notices=(nasty,)), bursts=((nasty,),))
    async with chat(engine) as c:
        await c.send(nasty)
        await c.until_shown("first token")
        assert c.everything.count("[red]x[/red] [2J[link=x]") == 3
        assert "\x1b" not in c.everything


async def test_the_end_of_a_long_reply_is_followed() -> None:
    async with chat(ScriptedEngine(bursts=LINES)) as c:
        await c.send("Hi")
        await c.until_shown("line 199", "first token")
        transcript = c.screen.query_one(Transcript)
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y > 100)
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
    async with chat(ScriptedEngine(bursts=(("word ", "and "),) * 30)) as c:
        await c.send("with")
        await c.until_shown("60 tokens")
        await c.until_shown("a race measures it")
        await c.pilot.press("f2")
        await c.send("without")
        await c.until_shown("2.00×")
        assert "a race measures it" not in c.everything
        await c.until(lambda: speeds.speed_of("builtin") is not None)
        kept = speeds.speed_of("builtin")
        assert kept is not None
        assert (kept.plain_tokens_per_second, kept.medusa_tokens_per_second) == (50.0, 100.0)
