"""Words into rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from medusa_chat.tui.markdown.raw import RawSheet
from medusa_chat.tui.markdown.rows import Run, cut, grapheme_end, row_starts, text_runs, wrap

FAMILY = "👩‍👩‍👧"
TEXTS = st.lists(st.sampled_from([*"ab  漢、é", "e\u0301", FAMILY]), max_size=60).map("".join)


@given(TEXTS, st.integers(2, 20))
def test_no_row_is_wider_than_there_is_room(text: str, width: int) -> None:
    rows = wrap(text_runs(text), width)
    for row in rows:
        assert cell_len("".join(run.text for run in row).rstrip()) <= width


@given(TEXTS, st.integers(2, 20))
def test_rows_hold_all_of_the_text_in_order(text: str, width: int) -> None:
    rows = wrap(text_runs(text), width)
    assert "".join(run.text for row in rows for run in row).replace(" ", "") == text.replace(
        " ", ""
    )
    for row in rows:
        for run in row:
            assert text[run.at : run.at + len(run.text)] == run.text


@given(TEXTS, TEXTS, st.integers(2, 20))
def test_rows_before_the_last_stay_when_text_is_appended(text: str, more: str, width: int) -> None:
    before = row_starts(text, width)
    assert row_starts(text + more, width)[: len(before)] == before or (
        # What was appended may join the last character, and take it to the next row.
        row_starts(text + more, width)[: len(before) - 1] == before[:-1]
    )


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("a abcdef", 4, ["a", "abcd", "ef"]),
        ("漢字かな", 5, ["漢字", "かな"]),
        ("漢字。か", 4, ["漢", "字。", "か"]),
        (f"a {FAMILY}{FAMILY}", 4, ["a", FAMILY * 2]),
        ("one  two", 4, ["one", "two"]),
        ("", 4, [""]),
    ],
)
def test_where_rows_end(text: str, width: int, rows: list[str]) -> None:
    assert ["".join(run.text for run in row) for row in wrap(text_runs(text), width)] == rows


def test_a_tab_is_wide_and_stands_for_one_place() -> None:
    runs = text_runs("a\tb", "bold", 10)
    assert runs == [
        Run("a", "bold", 10),
        Run("    ", "bold", 11, fixed=True),
        Run("b", "bold", 12),
    ]
    assert cut(runs, 2, 6) == (Run("   ", "bold", 11, fixed=True), Run("b", "bold", 12))


def test_what_is_one_character_to_a_reader_is_not_cut() -> None:
    text = f"a{FAMILY}e\u0301👍🏽b"
    ends = {grapheme_end(text, place) for place in range(len(text) + 1)}
    assert [
        text[start:end] for start, end in zip(sorted(ends), sorted(ends)[1:], strict=False)
    ] == [
        "a",
        FAMILY,
        "e\u0301",
        "👍🏽",
        "b",
    ]


@given(st.text(st.sampled_from("ab 漢\n\t"), max_size=120), st.integers(2, 20), st.data())
def test_text_that_grows_has_the_rows_of_the_whole(
    text: str, width: int, data: st.DataObject
) -> None:
    def rows(sheet: RawSheet) -> list[str]:
        return [sheet.row(width, y).text for y in range(sheet.height(width))]

    def colour(start: int, end: int) -> list[Run]:
        return text_runs(text[start:end], "", start)

    whole, growing = RawSheet(0, colour), RawSheet(0, colour)
    whole.extend(text)
    for piece in data.draw(st.lists(st.integers(1, 30), max_size=30)):
        growing.extend(text[len(growing) : len(growing) + piece])
        rows(growing)
    growing.extend(text[len(growing) :])
    assert rows(growing) == rows(whole)
    shown = "".join("".join(rows(whole)).split())
    assert shown == "".join(text.split())
