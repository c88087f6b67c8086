"""A terminal that changes its size while a reply comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.engine.process import Ended

from .driving import SIZES, begin_reply, chat, saved
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_reply_is_whole_whatever_size_the_terminal_takes(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        request = await begin_reply(c)
        words = [f" word{n}" for n in range(60)]
        sizes = [*SIZES, (60, 16), (200, 60), (60, 16)]
        for number, word in enumerate(words):
            c.engine.write(request, ((word,),))
            if number % 3 == 0:
                await c.pilot.resize_terminal(*sizes[number // 3 % len(sizes)])
        c.engine.finish(request)
        await c.until_shown("word59", "first token 182 ms")
        assert saved(home)[1] == ("assistant", "Once upon a" + "".join(words), "eos")
        transcript = c.screen.query_one("#transcript")
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y)


async def test_an_engine_that_dies_while_the_size_changes_leaves_what_was_written(
    home: Path,
) -> None:
    fresh = ScriptedEngine()
    async with chat(ScriptedEngine(answer_by_itself=False), fresh) as c:
        request = await begin_reply(c)
        await c.send("next")
        c.engine.write(request, ((" time",),))
        c.engine.emit(Ended(-11))
        await c.pilot.resize_terminal(60, 16)
        await c.until_shown("Once upon a time", "SIGSEGV")
        await c.pilot.resize_terminal(120, 40)
        await c.pilot.press("ctrl+r")
        await c.until_shown("Hello there, friend.")
        assert saved(home)[:2] == [
            ("user", "Hello", None),
            ("assistant", "Once upon a time", "failed"),
        ]
