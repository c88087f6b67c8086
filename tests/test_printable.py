from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.printable import printable

TEXTS = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [b]text[/b]\n\tü 日本 👩‍👩‍👧", "plain [b]text[/b]\n\tü 日本 👩‍👩‍👧"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]52;c;aGk=\a", "]52;c;aGk="),
        ("a\r\nb\rc", "a\nbc"),
        ("\x7f\x80\x9b31m", "31m"),
        ("user\u202etxt.exe", "user⟨U+202E⟩txt.exe"),
        ("\u2066a\u2069", "⟨U+2066⟩a⟨U+2069⟩"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_what_steers_a_terminal_is_taken_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(TEXTS)
def test_nothing_that_steers_is_ever_left(text: str) -> None:
    for character in printable(text):
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in {
            *("LRE", "RLE", "PDF", "LRO", "RLO"),
            *("LRI", "RLI", "FSI", "PDI"),
        }


@given(TEXTS, TEXTS)
def test_the_parts_of_a_stream_join_to_the_whole(first: str, second: str) -> None:
    assert printable(first) + printable(second) == printable(first + second)


@given(TEXTS)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert printable(printable(text)) == printable(text)
