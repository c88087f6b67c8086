"""Blocks, found while a text grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.tui.markdown.splitter import Part, Splitter

LINES = st.sampled_from(
    [
        "word",
        "two words",
        "",
        "",
        "- item",
        "* other",
        "1. one",
        "7) seven",
        "  more",
        "    deep",
        "\ttab",
        "# heading",
        "---",
        "> quote",
        "```",
        "```python",
        "~~~",
        "| a | b |",
        "|---|---|",
        "a | b",
        ":-- | --:",
        "$$",
        "\\[",
        "x \\]",
        "  - nested",
    ]
)


def parts_of(text: str, cuts: list[int]) -> list[Part]:
    splitter = Splitter()
    for cut in cuts:
        splitter.advance(text[:cut])
    splitter.advance(text, complete=True)
    return splitter.parts


def kinds(text: str) -> list[tuple[str, str]]:
    return [(part.kind, text[part.start : part.end]) for part in parts_of(text, [])]


@given(st.lists(LINES, max_size=14).map("\n".join), st.data())
def test_any_way_of_coming_gives_the_same_blocks(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    assert parts_of(text, cuts) == parts_of(text, [])


@given(st.lists(LINES, max_size=14).map("\n".join))
def test_no_line_is_lost_and_none_is_in_two_blocks(text: str) -> None:
    parts = parts_of(text, [])
    places = [0, *(place for part in parts for place in (part.start, part.end)), len(text)]
    assert places == sorted(places)
    between = [text[places[n] : places[n + 1]] for n in range(0, len(places), 2)]
    assert not "".join(between).strip()


@given(st.lists(LINES, max_size=14).map("\n".join), st.data())
def test_what_is_final_stays(text: str, data: st.DataObject) -> None:
    splitter = Splitter()
    splitter.advance(text[: data.draw(st.integers(0, len(text)))])
    known = list(splitter.parts)
    splitter.advance(text, complete=True)
    assert splitter.parts[: len(known)] == known


def test_every_kind_of_block() -> None:
    text = (
        "# Head\nparagraph\nof two lines\n- a\n- b\n\n> q\nlazy\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "***\n```sh\nls\n\n# no head\n```\n$$\nx\n$$\nend"
    )
    assert kinds(text) == [
        ("heading", "# Head"),
        ("paragraph", "paragraph\nof two lines"),
        ("item", "- a"),
        ("item", "- b"),
        ("quote", "> q\nlazy"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("rule", "***"),
        ("code", "```sh\nls\n\n# no head\n```"),
        ("math", "$$\nx\n$$"),
        ("paragraph", "end"),
    ]


def test_an_item_holds_what_is_indented_under_it() -> None:
    text = "1. one\n\n   more\n   ```\n   code\n\n   ```\n   - nested\n2. two\nlazy\n\nafter"
    assert [kind for kind, _ in kinds(text)] == ["item", "item", "paragraph"]
    assert kinds(text)[1][1] == "2. two\nlazy"


def test_items_are_numbered_on_from_the_first_number() -> None:
    numbers = [part.number for part in parts_of("3. a\n3. b\n\n3. c\n- d\n5. e", [])]
    assert numbers == [3, 4, 5, None, 5]


@pytest.mark.parametrize(
    "text",
    [
        "It was in\n1984. A year",
        "a\n---|",
        "| a | b |\n|---|",
        "no `| a | b` table",
        "```not` a fence",
        "$$ x $$",
        "#no heading",
    ],
)
def test_what_is_only_a_paragraph(text: str) -> None:
    assert [kind for kind, _ in kinds(text)] == ["paragraph"]


def test_the_line_above_a_tables_head_is_a_paragraph() -> None:
    assert kinds("intro\na | b\n--|--\n1 | 2") == [
        ("paragraph", "intro"),
        ("table", "a | b\n--|--\n1 | 2"),
    ]


def test_an_open_block_is_named_while_it_grows() -> None:
    splitter = Splitter()
    splitter.advance("text\n\n```py\nx = 1\n")
    assert (splitter.open_kind, splitter.open_start) == ("code", 6)
    assert [part.kind for part in splitter.parts] == ["paragraph"]
