"""The transcript: what it follows, what stays where it is, what of a long chat is mounted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.conversation import Conversation, Message, Outcome
from medusa_chat.engine.protocol import Piece
from medusa_chat.tui.widgets.entry_scroll import MOST_ENTRIES, PAGE_ENTRIES
from medusa_chat.tui.widgets.prompt_turn import PromptTurn
from medusa_chat.tui.widgets.reply import Reply
from medusa_chat.tui.widgets.transcript import Transcript

from .driving import LINES, Chat, begin_reply, chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARAGRAPH = "word " * 40


def transcript_of(c: Chat) -> Transcript:
    return c.screen.query_one(Transcript)


def long_conversation(messages: int) -> Conversation:
    turns = [
        Message("user", f"prompt {n}", NOW)
        if n % 2 == 0
        else Message("assistant", f"reply {n}\n\n{PARAGRAPH}", NOW, outcome=Outcome("eos"))
        for n in range(messages)
    ]
    return Conversation("long", NOW, tuple(turns))


def top_line(c: Chat) -> str:
    """Return what the first row of the transcript shows."""
    region = transcript_of(c).content_region
    strips = c.app.screen._compositor.render_strips()
    return strips[region.y].text[region.x : region.right].strip()


@pytest.fixture
async def read() -> AsyncIterator[Chat]:
    """A chat whose reader has scrolled into the middle of a reply that goes on."""
    text = tuple((f"Paragraph {n} {PARAGRAPH}\n\n",) for n in range(20))
    async with chat(ScriptedEngine(answer_by_itself=False), size=(80, 24)) as c:
        request = await begin_reply(c)
        c.engine.write(request, (("\n\n",), *text))
        await c.until_shown("Paragraph 19")
        await c.settle()
        transcript_of(c).scroll_to(y=31, animate=False)
        await c.settle()
        yield c


async def test_new_text_below_moves_nothing_and_is_told(read: Chat) -> None:
    line = top_line(read)
    hint = transcript_of(read).query_one("#unread")
    assert hint.display is False
    read.engine.write(read.engine.generates[0], LINES[:50])
    await read.until_shown("line 49")
    await read.settle()
    assert top_line(read) == line
    await read.until(lambda: hint.display)
    await read.pilot.press("ctrl+end")
    await read.until(lambda: transcript_of(read).follows and not hint.display)
    read.engine.write(read.engine.generates[0], LINES[50:])
    await read.until(lambda: transcript_of(read).scroll_y == transcript_of(read).max_scroll_y)


async def test_another_width_keeps_what_is_read(read: Chat) -> None:
    transcript = transcript_of(read)
    words = "Paragraph 9"
    while words not in top_line(read):
        transcript.scroll_relative(y=1, animate=False)
        await read.settle()
    for width in (120, 61, 100, 80):
        await read.pilot.resize_terminal(width, 24)
        await read.settle()
        assert words in top_line(read)
    read.engine.write(read.engine.generates[0], LINES[:50])
    await read.until_shown("line 49")
    await read.settle()
    assert words in top_line(read)


async def test_thinking_that_unfolds_above_moves_nothing() -> None:
    thought = "<think>\n" + "".join(f"thought {n}\n" for n in range(30)) + "</think>\n\n"
    async with chat(ScriptedEngine(bursts=((thought,), *LINES)), size=(80, 24)) as c:
        await c.send("Hi")
        await c.until_shown("line 199", "first token")
        await c.settle()
        await c.pilot.press("pageup")
        await c.settle()
        line = top_line(c)
        assert line.startswith("line 1")
        await c.pilot.press("f7")
        await c.until_shown("thought 29")
        await c.settle()
        assert top_line(c) == line


async def test_the_end_is_followed_when_the_terminal_changes_its_size() -> None:
    async with chat(ScriptedEngine(bursts=LINES), size=(80, 24)) as c:
        await c.send("Hi")
        await c.until_shown("line 199", "first token")
        for size in ((60, 16), (120, 40), (80, 24)):
            await c.pilot.resize_terminal(*size)
            await c.settle()
            transcript = transcript_of(c)
            assert transcript.scroll_y == transcript.max_scroll_y > 50


async def test_of_a_long_chat_only_the_end_is_mounted_until_the_reader_comes_up() -> None:
    async with chat(size=(80, 24)) as c:
        await c.until_shown("Medusa on")
        transcript = transcript_of(c)
        transcript.show(long_conversation(2000))
        await c.until_shown("reply 1999")
        await c.settle()
        assert len(transcript.query(Reply)) == PAGE_ENTRIES // 2
        assert transcript.scroll_y == transcript.max_scroll_y
        transcript.scroll_to(y=5, animate=False)
        await c.settle()
        line = top_line(c)
        await c.until(lambda: len(transcript.query(Reply)) == PAGE_ENTRIES)
        await c.settle()
        assert top_line(c) == line
        assert transcript.scroll_y > 20
        first = transcript.query(PromptTurn).first()
        assert str(first.visual) == f"prompt {2000 - 2 * PAGE_ENTRIES}"


async def test_the_top_of_a_chat_can_be_reached() -> None:
    async with chat(size=(80, 24)) as c:
        await c.until_shown("Medusa on")
        transcript = transcript_of(c)
        transcript.show(long_conversation(150))
        await c.until_shown("reply 149")
        for _ in range(200):
            if "prompt 0\n" in c.everything:
                break
            await c.pilot.press("pageup")
        else:
            raise AssertionError("the top never came")
        await c.pilot.press("ctrl+end")
        await c.until(lambda: transcript.scroll_y == transcript.max_scroll_y)
        await c.until(lambda: len(transcript.query(Reply)) <= MOST_ENTRIES)


async def test_entries_far_above_the_end_are_taken_off_again() -> None:
    async with chat(size=(80, 24)) as c:
        await c.until_shown("Medusa on")
        transcript = transcript_of(c)
        transcript.show(long_conversation(20))
        for n in range(MOST_ENTRIES):
            transcript.say(f"note {n}")
        await c.until(lambda: len(transcript.children) < MOST_ENTRIES)
        await c.settle()
        assert f"note {MOST_ENTRIES - 1}" in c.everything
        assert transcript.scroll_y == transcript.max_scroll_y
        await c.send("more")
        await c.until_shown("Hello there, friend.")


async def test_while_a_reply_grows_little_stays_mounted_above_it() -> None:
    async with chat(size=(80, 24)) as c:
        await c.until_shown("Medusa on")
        transcript = transcript_of(c)
        transcript.show(long_conversation(60))
        await c.until_shown("reply 59")
        assert len(transcript.query(Reply)) == PAGE_ENTRIES // 2
        transcript.add_prompt(61, "more", "")
        transcript.begin_reply(61)
        for n in range(60):
            transcript.extend_reply([Piece(n, f"line {n}\n", 1)])
        await c.until_shown("line 59")
        await c.settle()
        transcript.extend_reply([Piece(60, "line 60\n", 1)])
        await c.until(lambda: len(transcript.query(Reply)) < PAGE_ENTRIES // 2)
        await c.settle()
        assert transcript.scroll_y == transcript.max_scroll_y > 2 * transcript.size.height
        for _ in range(60):
            if "prompt 0\n" in c.everything:
                break
            await c.pilot.press("pageup")
        else:
            raise AssertionError("the top never came")


async def test_of_a_row_that_grows_all_is_drawn_again_and_nothing_else() -> None:
    async with chat(ScriptedEngine(answer_by_itself=False), size=(80, 24)) as c:
        request = await begin_reply(c)
        c.engine.write(request, (("\n\nA row.\n\n",), ("I",)))
        await c.until_shown("\nI")
        await c.settle()
        reply = transcript_of(c).query_one(Reply)
        reply.text.add(Piece(9, "t", 1))
        reply.draw()
        region = reply.content_region
        (changed,) = reply._exchange_repaint_regions()
        assert changed.translate(reply.region.offset).column_span == region.column_span
        assert changed.line_range == range(4, 5)
        await c.until_shown("\nIt")


async def test_going_to_a_message_that_is_not_mounted_brings_it() -> None:
    async with chat(size=(80, 24)) as c:
        await c.until_shown("Medusa on")
        transcript = transcript_of(c)
        transcript.show(long_conversation(100))
        await c.until_shown("reply 99")
        for _ in range(PAGE_ENTRIES + 2):
            await c.pilot.press("alt+up")
        await c.settle()
        assert transcript.chosen_turn == 100 - PAGE_ENTRIES - 2
        chosen = transcript.query_one(".chosen")
        assert chosen.region.y >= transcript.region.y
        assert chosen.region.y < transcript.region.bottom


async def test_what_is_selected_is_copied_as_it_was_written() -> None:
    text = "Some **bold** words\nand `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    async with chat(ScriptedEngine(bursts=((text,),)), size=(80, 24)) as c:
        await c.send("Hi")
        await c.until_shown("Some bold words", "first token")
        await c.settle()

        async def select(start: tuple[int, int], end: tuple[int, int]) -> str | None:
            c.screen.clear_selection()
            await c.pilot.mouse_down(Reply, offset=start)
            await c.pilot.hover(Reply, offset=end)
            await c.pilot.mouse_up(Reply, offset=end)
            await c.settle()
            return c.screen.get_selected_text()

        assert await select((2, 0), (9, 1)) == "Some **bold** words\nand `code"
        assert await select((7, 0), (10, 0)) == "bold"
        assert await select((2, 5), (6, 5)) == "1 | 2"


async def test_without_colours_nothing_is_left_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with chat(ScriptedEngine(bursts=(("So ", "it"), (" `is`.",))), size=(80, 24)) as c:
        await c.send("Hi")
        await c.until_shown("first token")
        await c.settle()
        styles = [s.style for strip in c.app.screen._compositor.render_strips() for s in strip]
        colours = [colour for style in styles if style for colour in (style.color, style.bgcolor)]
        triplets = [colour.triplet for colour in colours if colour and colour.triplet]
        assert triplets
        assert all(len(set(triplet)) == 1 for triplet in triplets)


async def test_other_colours_reach_what_is_drawn_already() -> None:
    def colours(c: Chat) -> set[object]:
        region = c.screen.query_one(Reply).region
        strips = c.app.screen._compositor.render_strips()[region.y : region.bottom]
        return {segment.style.bgcolor for strip in strips for segment in strip if segment.style}

    async with chat(ScriptedEngine(bursts=(("# Head\n\n", "text\n\n"), ("```\nx\n```",)))) as c:
        await c.send("Hi")
        await c.until_shown("first token")
        await c.settle()
        before = colours(c)
        c.app.theme = "textual-light"
        await c.settle()
        assert not colours(c) & before
