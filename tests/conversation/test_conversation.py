from __future__ import annotations

from datetime import datetime

import pytest

from medusa_chat.conversation.conversation import TITLE_LENGTH, Message, title_of


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Hello", "Hello"),
        ("\n  two\twords here \n\nand more", "two words here"),
        ("\x1b[31mred\u202e", "[31mred"),
        ("", "Untitled"),
        (" \n", "Untitled"),
        ("word " * 40, "word " * 11 + "word…"),
        ("長" * 100, "長" * TITLE_LENGTH + "…"),
    ],
)
def test_a_title_is_the_first_words_of_the_prompt(prompt: str, title: str) -> None:
    assert title_of(prompt) == title


def test_a_message_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        Message("user", "hello", datetime(2026, 1, 1))
