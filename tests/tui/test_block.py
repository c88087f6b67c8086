from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.selection import Selection

from medusa_chat.engine.protocol import Piece
from medusa_chat.tui.widgets.block import FULL_LENGTH, LONG_LENGTH, SOFT_LENGTH, end_of_block
from medusa_chat.tui.widgets.reply import Reply


@pytest.mark.parametrize(
    ("filled", "text", "end"),
    [
        (0, "short\ntext", None),
        (SOFT_LENGTH, "a\nb c", (1, "\n")),
        (SOFT_LENGTH - 2, "a\nb\nc", (3, "\n")),
        (SOFT_LENGTH, "a b", None),
        (LONG_LENGTH, "a b", (1, " ")),
        (LONG_LENGTH, "a b\n", (1, " ")),
        (LONG_LENGTH, "ab", None),
        (FULL_LENGTH - 1, "ab", (1, "")),
        (FULL_LENGTH, "ab", (0, "")),
    ],
)
def test_a_block_ends_where_it_can_be_cut(
    filled: int, text: str, end: tuple[int, str] | None
) -> None:
    assert end_of_block(filled, text) == end


@given(
    st.lists(
        st.text(st.sampled_from("ab \n"), min_size=1, max_size=50) | st.just("x" * 400), max_size=60
    )
)
def test_blocks_join_to_the_text_that_came(texts: list[str]) -> None:
    reply = Reply()
    reply.add(Piece(n, text, 1) for n, text in enumerate(texts))
    reply.end()
    copied = [block.get_selection(Selection(None, None)) or ("", "") for block in reply.blocks]
    *blocks, last = copied or [("", "")]
    assert "".join(text + mark for text, mark in blocks) + last[0] == "".join(texts)
