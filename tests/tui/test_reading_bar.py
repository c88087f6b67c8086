"""The bar beside what is read: drawn cheaply, it looks as Textual's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.scrollbar import ScrollBar

from medusa_chat.tui.widgets.transcript import Transcript

from .driving import begin_reply, chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from textual.strip import Strip


def drawn(strips: list[Strip]) -> list[list[tuple[str, object, object]]]:
    """Return text, style and what a click does, of each row."""
    return [
        [(segment.text, segment.style, segment.style and segment.style.meta) for segment in strip]
        for strip in strips
    ]


async def test_the_bar_looks_as_textuals_own_wherever_it_stands() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), size=(80, 24)) as c:
        request = await begin_reply(c)
        c.engine.write(request, tuple((f"line {n}\n\n",) for n in range(80)))
        await c.until_shown("line 79")
        await c.settle()
        transcript = c.screen.query_one(Transcript)
        bar = transcript.vertical_scrollbar
        whole = Region(0, 0, *bar.size)
        places = set()
        for theme in ("medusa-dark", "medusa-light"):
            c.app.theme = theme
            for y in (0, 50, transcript.max_scroll_y):
                transcript.scroll_to(y=y, animate=False)
                for over in (False, True):
                    bar.mouse_over = over
                    await c.settle()
                    rows = drawn(bar.render_lines(whole))
                    assert rows == drawn(ScrollBar.render_lines(bar, whole))
                    assert rows[3:5] == drawn(bar.render_lines(Region(0, 3, 1, 2)))
                    places.add(str(rows))
        assert len(places) == 12
