from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.preview import LENGTH, folded, preview, terms_of


def test_a_short_text_is_shown_whole_in_one_line() -> None:
    assert preview(" one\n\n two\x1b[2J ").text == "one two [2J"
    assert preview("").text == ""


def test_a_long_text_is_shown_from_its_beginning() -> None:
    text = preview("word " * 100).text
    assert text.startswith("word word")
    assert text.endswith("…")
    assert len(text) <= LENGTH


@pytest.mark.parametrize(
    ("text", "search", "marked"),
    [
        ("The Café", "cafe", ["Café"]),
        ("Die Straße", "strasse", ["Straße"]),
        ("aaaa", "aa", ["aaaa"]),
        ("fox, Fox", "FOX", ["fox", "Fox"]),
        ("e\u0301te\u0301", "ete", ["e\u0301te\u0301"]),
        ("nothing", "fox", []),
    ],
)
def test_what_was_searched_for_is_marked(text: str, search: str, marked: list[str]) -> None:
    shown = preview(text, terms_of(search))
    assert [shown.text[begin:end] for begin, end in shown.marks] == marked


@given(st.text(), st.text(max_size=5))
def test_marks_lie_in_the_line_and_apart(text: str, search: str) -> None:
    terms = terms_of(search)
    shown = preview(text, terms)
    assert "\n" not in shown.text
    last = -1
    for begin, end in shown.marks:
        assert last < begin < end <= len(shown.text)
        last = end


@given(st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1))
def test_a_text_is_found_in_itself(text: str) -> None:
    terms = terms_of(text)
    assert all(term in folded(text) for term in terms)
