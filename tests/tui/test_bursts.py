"""Bursts, marked in a reply's text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.engine.protocol import Piece
from medusa_chat.tui.bursts import BURST_VIEWS, BurstView
from medusa_chat.tui.reply_text import ReplyText
from medusa_chat.tui.widgets.reply import Reply
from medusa_chat.tui.widgets.transcript import Transcript

from .driving import FIGURES, chat
from .scripted_engine import ScriptedEngine


def marked(pieces: list[tuple[int, str, int]], view: BurstView) -> list[tuple[str, str]]:
    text = ReplyText()
    for piece in pieces:
        text.add(Piece(*piece))
    return [(run.text, run.style) for run in text.runs(0, len(text.text), view)]


def test_bursts_have_colours_and_guesses_are_underlined() -> None:
    pieces = [(0, "Hello", 1), (0, " there", 1), (1, " friend", 1), (2, ".", 1)]
    first, second, third = "$text-primary", "$text-warning", "$text-success"
    assert marked(pieces, "bursts") == [
        ("Hello", first),
        (" ", first),
        ("there", f"{first} underline"),
        (" friend", second),
        (".", third),
    ]
    assert marked(pieces, "off") == [("Hello there friend.", "")]


def test_depths_have_colours_and_marks_of_their_own() -> None:
    styles = [style for _, style in marked([(7, str(n), 1) for n in range(6)], "depth")]
    assert styles[0] == "$text-primary"
    assert len(set(styles[:5])) == 5
    assert styles[5] == styles[4]
    marks = [" ".join(style.split()[1:]) for style in styles[:5]]
    assert len(set(marks)) == 5  # to be told apart without colours, too


def test_text_that_was_held_back_belongs_to_the_token_before() -> None:
    held = marked([(0, "a", 1), (0, "b", 1), (0, "c", 0), (1, "d", 0), (1, "e", 1)], "bursts")
    assert [style.endswith("underline") for _, style in held] == [False, True, True, False, False]


def test_a_character_that_two_tokens_share_is_not_cut() -> None:
    family = "👩‍👩‍👧"
    runs = marked(
        [(0, "a" + family[:2], 1), (0, family[2:] + "e", 1), (1, "\u0301漢", 1)], "bursts"
    )
    assert [text for text, _ in runs] == [f"a{family}", "e\u0301", "漢"]


@given(st.lists(st.tuples(st.integers(0, 2), st.text("a \t漢\u200d", max_size=4)), max_size=12))
def test_marks_change_no_text(steps: list[tuple[int, str]]) -> None:
    pieces = [(n, text, tokens) for n, (tokens, text) in enumerate(steps)]
    whole = "".join(text for _, text in steps).replace("\t", "    ")
    for view in BURST_VIEWS:
        assert "".join(text for text, _ in marked(pieces, view)) == whole


def test_a_reply_that_was_loaded_has_no_bursts() -> None:
    text = ReplyText("kept")
    text.end()
    assert [run.style for run in text.runs(0, 4, "bursts")] == [""]


async def test_every_view_is_one_key_away_for_all_replies() -> None:
    async with chat(ScriptedEngine(bursts=(("**so**", " it"), (" is.",)))) as c:
        for _ in range(2):
            await c.send("Hi")
        await c.until(lambda: c.everything.count("so it is.") == 2)
        transcript = c.screen.query_one(Transcript)
        seen: list[tuple[BurstView, int]] = []
        for _ in range(4):
            await c.pilot.press("f3")
            await c.settle()
            seen.append((transcript.burst_view, c.everything.count("**so** it is.")))
        assert seen == [("bursts", 2), ("depth", 2), ("off", 0), ("live", 0)]


async def test_a_reply_that_is_shown_again_still_has_its_bursts() -> None:
    async with chat() as c:
        await c.send("Hi")
        await c.until_shown(FIGURES)
        transcript = c.screen.query_one(Transcript)
        kept = c.screen.query_one(Reply).text
        transcript.show(c.screen._dialogue.chat.conversation)
        await c.settle()
        assert c.screen.query_one(Reply).text is kept
        assert "Hello there, friend." in c.everything


def test_the_text_of_a_burst_is_found_again_when_a_reply_was_gone_on_with() -> None:
    text = ReplyText()
    for piece in ((0, "Hello", 1), (0, " there", 1), (1, "", 1), (2, " friend", 1)):
        text.add(Piece(*piece))
    assert [text.span(burst) for burst in range(4)] == [(0, 11), (11, 11), (11, 18), (18, 18)]
    text.end()
    more = text.reopened()
    more.add(Piece(0, ", and", 1))
    more.add(Piece(1, " more", 1))
    assert [more.text[slice(*more.span(burst))] for burst in (0, 1)] == [", and", " more"]


def test_bursts_of_a_reply_that_went_on_are_counted_behind_those_before() -> None:
    text = ReplyText()
    for burst, piece in enumerate(("One ", "two ")):
        text.add(Piece(burst, piece, 1))
    text.end()
    again = text.reopened()
    assert (again.text, again.is_complete) == ("One two ", False)
    again.add(Piece(0, "three ", 1))
    again.add(Piece(1, "four", 1))
    assert [again.text[slice(*again.span(burst))] for burst in (0, 1)] == ["three ", "four"]
    styles = [run.style for run in again.runs(0, len(again.text), "bursts")]
    assert len(set(styles)) == 4
    assert text.text == "One two "
