"""The thinking of reasoning models: told from the answer as it comes, and folded away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.reasoning import segments
from medusa_chat.engine.protocol import Piece
from medusa_chat.tui.reply_text import ReplyText
from medusa_chat.tui.widgets.reply import Reply

from .driving import chat, shown
from .scripted_engine import ScriptedEngine

PARTS = st.sampled_from(
    ["<think>", "</think>", "\n", "<think>\n", "\n</think>\n\n", "word ", "<", "</th", "```\n", "x"]
)


def in_order(text: ReplyText) -> tuple[str, str]:
    """Return all thinking and all answer that is shown."""
    found: dict[bool, str] = {True: "", False: ""}
    for stretch in text.stretches():
        found[stretch.thinking] += text.text[stretch.start : stretch.end]
    return found[True], found[False]


@given(st.lists(PARTS, max_size=12), st.data())
def test_any_way_of_coming_gives_what_the_whole_text_gives(
    parts: list[str], data: st.DataObject
) -> None:
    whole = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    text = ReplyText()
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        text.add(Piece(start, whole[start:end], 1))
        text.stretches()
    text.end()
    expected = segments(whole)
    assert in_order(text) == (
        "".join(part.body for part in expected if part.kind == "thinking"),
        "".join(part.body for part in expected if part.kind == "answer"),
    )


@given(st.text(alphabet="ab <\n", max_size=60))
def test_text_without_thinking_stays_whole(whole: str) -> None:
    text = ReplyText()
    shown = ""
    for character in whole:
        text.add(Piece(0, character, 1))
        thinking, answer = in_order(text)
        assert answer.startswith(shown)
        assert not thinking
        shown = answer
    text.end()
    assert in_order(text) == ("", whole)


async def test_thinking_is_folded_and_shown_by_a_key() -> None:
    engine = ScriptedEngine(
        bursts=(("<think>", "\nTwo and"), (" two.\n",), ("</think>", "\n\nFour."))
    )
    async with chat(engine, size=(100, 30)) as c:
        await c.until_shown("builtin · float32 · cpu")
        await c.send("2 + 2?")
        await c.until_shown("▸ thought 3 words · F7 shows it", "Four.")
        assert "Two and" not in c.everything
        await c.pilot.press("f7")
        await c.until_shown("▾ thought 3 words · F7 folds it", "Two and two.")
        await c.pilot.press("f7")
        await c.until(lambda: "Two and" not in c.everything)
        assert "<think>" not in c.everything


async def test_thinking_that_goes_on_says_so() -> None:
    engine = ScriptedEngine(answer_by_itself=False)
    async with chat(engine, size=(100, 30)) as c:
        await c.until_shown("builtin · float32 · cpu")
        await c.send("2 + 2?")
        await c.until(lambda: engine.generates)
        engine.start(engine.generates[0])
        engine.write(engine.generates[0], (("<think>\n", "Two", " and"),))
        await c.until_shown("▸ thinking… 2 words · F7 shows it")


async def test_answer_that_turns_out_to_be_thinking() -> None:
    engine = ScriptedEngine(answer_by_itself=False)
    async with chat(engine, size=(100, 30)) as c:
        await c.until_shown("builtin · float32 · cpu")
        await c.send("2 + 2?")
        await c.until(lambda: engine.generates)
        engine.start(engine.generates[0])
        engine.write(engine.generates[0], (("Two", " and", " two"),))
        await c.until_shown("Two and two")
        engine.bursts = ((".\n</think>\n\nFour.",),)
        engine.write(engine.generates[0], engine.bursts)
        engine.finish(engine.generates[0])
        await c.until_shown("▸ thought 3 words", "Four.")
        assert "Two and" not in c.everything
        reply = c.screen.query_one(Reply)
        assert shown(reply).count("▸") == 1
        assert shown(reply).count("Four.") == 1
