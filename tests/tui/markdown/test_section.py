"""Text that grows, as rows: in the end the same as if it had come at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from medusa_chat.tui.markdown.rows import Row, Run, text_runs
from medusa_chat.tui.markdown.section import Section

LINES = st.lists(
    st.sampled_from(
        [
            "some words of **text** to wrap",
            "",
            "- item with `code`",
            "  - [x] nested",
            "2. two",
            "# Head *x*",
            "---",
            "> quote [a](http://b.c)",
            "```python",
            "  def f(): return '''",
            "```",
            "| a | much wider | c |",
            "|---|:-:|--:|",
            "a | b",
            "$$",
            "漢字 &amp; \\* \\( x_1 \\)",
        ]
    ),
    max_size=14,
).map("\n".join)


MARKS = ["\n", "\n\n", "    ", "\t", "- ", "1. ", "> ", "```", "```py\n", "~~~", "|", "|---|---|\n"]
SIGNS = ["$", "$$", "\\(", "\\]", "**", "_", "`", "[", "](", ")", "<", "&amp;", "&#0;", "\\", "~~"]
WORDS = [
    "word",
    "漢",
    "👩‍👩‍👧",
    "\u0301",
    "\u200d",
    "\ufe0f",
    "[x] ",
    "<think>",
    "\u2028",
    "\ufeff",
]
SCRAPS = st.lists(st.sampled_from([*MARKS, *SIGNS, *WORDS]), max_size=30).map("".join)
"""What no model means to write, and some do."""


def shown(section: Section, width: int) -> list[Row]:
    return [section.row(width, y) for y in range(section.height(width))]


def section_of(text: str, cuts: list[int], width: int = 30) -> Section:
    def colour(start: int, end: int) -> list[Run]:
        return text_runs(text[start:end], "", start)

    section = Section(0, colour)
    for cut in cuts:
        section.advance(text[:cut], cut, complete=False)
        shown(section, width)
    section.advance(text, len(text), complete=True)
    return section


def texts(text: str, width: int = 30) -> list[str]:
    return [row.text.rstrip() for row in shown(section_of(text, []), width)]


@given(LINES, st.data())
def test_any_way_of_coming_gives_the_same_rows(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    assert shown(section_of(text, cuts), 30) == shown(section_of(text, []), 30)


@given(LINES, st.integers(20, 60))
def test_text_knows_where_it_was_written_and_fits(text: str, width: int) -> None:
    for row in shown(section_of(text, []), width):
        assert cell_len(row.text.rstrip()) <= width
        for run in row.runs:
            if not run.fixed:
                assert text[run.at : run.at + len(run.text)] == run.text


@given(SCRAPS, st.integers(1, 50), st.data())
def test_any_text_at_all_is_laid_out(text: str, width: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    rows = shown(section_of(text, cuts, width), width)
    assert rows == shown(section_of(text, []), width)
    places = [row.at for row in rows if row.at is not None]
    assert places == sorted(places)


@given(LINES, st.integers(20, 60))
def test_rows_stand_in_the_order_of_the_text(text: str, width: int) -> None:
    places = [row.at for row in shown(section_of(text, []), width) if row.at is not None]
    assert places == sorted(places)


@given(LINES)
def test_every_word_is_shown(text: str) -> None:
    rows = " ".join(texts(text, 200))
    for word in (
        "words",
        "item",
        "nested",
        "two",
        "quote",
        "wider",
        "漢字",
        "return",
        "http://b.c",
    ):
        assert rows.count(word) == text.count(word)


@given(LINES, st.data())
def test_settled_rows_stay(text: str, data: st.DataObject) -> None:
    def colour(start: int, end: int) -> list[Run]:
        return text_runs(text[start:end], "", start)

    section = Section(0, colour)
    cut = data.draw(st.integers(0, len(text)))
    section.advance(text[:cut], cut, complete=False)
    before = shown(section, 30)[: section.settled_height(30)]
    section.advance(text, len(text), complete=True)
    assert shown(section, 30)[: len(before)] == before


def test_what_is_under_way_is_shown_as_it_was_written() -> None:
    text = "Done **so**.\n\nUnder **way"
    section = Section(0, lambda start, end: text_runs(text[start:end], "mark", start))
    section.advance(text, len(text), complete=False)
    assert [row.text for row in shown(section, 30)] == ["Done so.", "", "Under **way"]
    assert shown(section, 30)[2].runs[0].style == "mark"


def test_code_and_a_table_are_laid_out_while_they_come() -> None:
    text = "| a | b |\n|--|--|\n| 1 | 2 |\n| 3"
    section = Section(0, lambda start, end: text_runs(text[start:end], "", start))
    section.advance(text, len(text), complete=False)
    assert [row.text for row in shown(section, 30)] == ["a │ b", "──┼──", "1 │ 2", "| 3"]
    text = "```python\nx = 1\ny ="
    section = Section(0, lambda start, end: text_runs(text[start:end], "", start))
    section.advance(text, len(text), complete=False)
    assert [row.text for row in shown(section, 30)] == [" python · copy", " x = 1", " y ="]
    assert [code.code for code in section.codes] == ["x = 1\ny ="]


def test_code_is_coloured_in_steps_and_once_more_at_its_end() -> None:
    body = "".join(f'    "text {n}"  # note\n' for n in range(120))
    text = f"```python\ndef f():\n    '''\n{body}"
    section = Section(0, lambda start, end: text_runs(text[start:end], "burst", start))
    for end in range(0, len(text), 97):
        section.advance(text, end, complete=False)
    section.advance(text, len(text), complete=False)
    rows = shown(section, 60)
    styles = [{run.style for run in row.runs[1:]} for row in rows]
    assert "$text-accent" in styles[1]
    assert all("burst" not in found for found in styles[:101])
    assert styles[-1] == {"burst"}
    # All of it is one string that nothing ends.
    section.advance(text, len(text), complete=True)
    (found,) = {run.style for row in shown(section, 60)[3:-1] for run in row.runs[1:] if run.style}
    assert found.startswith("$text-success")


def test_long_code_is_read_in_steps_that_begin_within_no_string() -> None:
    functions = [
        f'def f_{n}():\n    text = """\n' + "    Words.\n\n" * 8 + f'    """\n    return {n}\n'
        for n in range(60)
    ]
    lines = "\n".join(["```python", *functions, "```"])
    rows = shown(section_of(lines, [*range(1000, len(lines), 1000)]), 30)
    returns = [run.style for row in rows for run in row.runs if "return" in run.text]
    (keyword,) = set(returns)
    assert len(returns) == 60
    assert keyword not in {run.style for row in rows for run in row.runs if "Words" in run.text}


def test_an_empty_line_stays_one_and_none_is_made() -> None:
    assert texts("# Head\ntext\n\n\n\nmore\n- a\n- b\n\n- c\n\n> q\n\n\n") == [
        "Head",
        "text",
        "",
        "more",
        "• a",
        "• b",
        "",
        "• c",
        "",
        "▌ q",
    ]


def test_lists_keep_their_numbers_boxes_and_depth() -> None:
    assert texts("1. one\n1. two\n   - [ ] todo\n     - deep\n   - [x] done\n\n10) ten") == [
        "1. one",
        "2. two",
        "   ☐ todo",
        "     ▪ deep",
        "   ☑ done",
        "",
        "10) ten",
    ]


def test_mathematics_and_html_stay_as_they_were_written() -> None:
    written = "It is $a_1 * b * c_1$, \\(x*y*z\\) and <b>bold</b> &lt;"
    assert texts(written, 80) == [written.replace("&lt;", "<")]
    assert texts("$$\n\\sum_i *x*\n$$") == ["$$", "\\sum_i *x*", "$$"]
    assert texts("It costs $5 and *then* $6.") == ["It costs $5 and then $6."]


def test_links_say_where_they_lead() -> None:
    assert texts("[here](https://a.b/c_d) <https://e.f> ![pic](g.png)", 80) == [
        "here (https://a.b/c_d) https://e.f image: pic (g.png)"
    ]
    assert texts("[evil](javascript:alert(1))", 80) == ["[evil](javascript:alert(1))"]
    assert texts("[a][b]\n\n[b]: http://c.d", 80) == ["[a][b]", "", "[b]: http://c.d"]


def test_the_widest_columns_of_a_table_give_way() -> None:
    head = "| name | what it says | 数 |\n|---|---|--:|\n"
    text = f"{head}| a | some words that wrap | 1 |\n| b | | 漢字 |"
    assert texts(text, 28) == [
        "name │ what it says   │   数",
        "─────┼────────────────┼─────",
        "a    │ some words     │    1",
        "     │ that wrap      │",
        "b    │                │ 漢字",
    ]


def test_a_table_is_laid_out_anew_for_another_width() -> None:
    text = "| a | b |\n|---|---|\n| some words | more words |"
    section = section_of(text, [])
    assert [len(shown(section, width)) for width in (40, 16, 40)] == [3, 4, 3]


def test_rows_and_cells_may_be_too_few_or_too_many() -> None:
    assert texts("a | b\n-|-\n1\n1 | 2 | 3\n`x\\|y` | \\|") == [
        "a   │ b",
        "────┼──",
        "1   │",
        "1   │ 2",
        "x|y │ |",
    ]


def test_tabs_and_long_words_of_code_are_shown() -> None:
    rows = texts("```\n\tx\n" + "y" * 50 + "\n```", 30)
    assert rows == [" copy", "     x", " " + "y" * 28, " " + "y" * 22, ""]


def test_what_is_nested_too_deep_to_parse_is_shown_as_it_was_written() -> None:
    deep = "\n".join("  " * n + f"- level {n}" for n in range(40))
    assert texts(deep, 200) == deep.split("\n")
    assert texts("\n".join(deep.split("\n")[:6]), 200)[5] == " " * 10 + "▪ level 5"
    assert texts(">" * 40 + " x") == [">" * 30, ">" * 10 + " x"]


@pytest.mark.parametrize(
    "text",
    [
        "some words that go on " * 40,
        "".join(f"{n}. an item *of* a list that is long\n" for n in range(40)),
        "```python\n" + "".join(f"x{n} = f({n})  # y\n" for n in range(120)),
        "| a | b |\n|---|---|\n" + "".join(f"| {n:03} | cell |\n" for n in range(60)),
    ],
    ids=["prose", "list", "fence", "table"],
)
def test_a_row_stays_the_same_object_until_it_changes(text: str) -> None:
    section = Section(0, lambda start, end: text_runs(text[start:end], "", start))
    before: list[Row] = []
    for end in range(25, len(text), 25):
        section.advance(text[:end], end, complete=False)
        now = shown(section, 30)
        pairs = enumerate(zip(before, now, strict=False))
        remade = [y for y, (old, new) in pairs if old is not new and old == new]
        # The row that grows, and the rows of an item that has come to its end.
        assert all(y >= len(before) - 3 for y in remade)
        before = now
    assert len(before) > 15
