from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.conversation.reasoning import answer, opening_at_end, segments

PIECES = st.sampled_from(
    ["<think>", "</think>", "<thi", "</", "nk>", "\n", "\n\n", "```", "~~~", "`", " ", "Well", "é"]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


def split(text: str, *, streaming: bool = False) -> list[tuple[str, str]]:
    """Return what is to be read, each with its kind; thinking that goes on has a ``+``."""
    found = segments(text, streaming=streaming)
    assert "".join(segment.text for segment in found) == text
    return [(segment.kind + "+" * segment.open, segment.body) for segment in found]


def read(text: str, *, streaming: bool) -> list[tuple[str, str]]:
    """Return all that there is to be read."""
    found = split(text, streaming=streaming)
    return [(kind.rstrip("+"), body) for kind, body in found if body]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Hello.", [("answer", "Hello.")]),
        ("<think>\nHm.\n</think>\n\nYes.", [("thinking", "Hm."), ("answer", "Yes.")]),
        ("<think>\n\n</think>\n\nYes.", [("thinking", ""), ("answer", "Yes.")]),
        ("<think>a</think>b", [("thinking", "a"), ("answer", "b")]),
        ("\n <think>a</think>b", [("answer", "\n"), ("thinking", "a"), ("answer", "b")]),
        (
            "<think>a</think>b\n<think>c</think>d",
            [("thinking", "a"), ("answer", "b\n"), ("thinking", "c"), ("answer", "d")],
        ),
        ("<think>a</think><think>b</think>", [("thinking", "a"), ("thinking", "b")]),
        ("<think>going on", [("thinking+", "going on")]),
        ("<think>", [("thinking+", "")]),
        # The template has written the opening tag.
        ("Hm.\n</think>\n\nYes.", [("thinking", "Hm."), ("answer", "Yes.")]),
        ("</think>\n\nYes.", [("thinking", ""), ("answer", "Yes.")]),
    ],
)
def test_thinking_and_answer(text: str, expected: list[tuple[str, str]]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The tag <think> opens it, </think> closes it.",
        "Write `<think>` first.",
        "```\n<think>\na\n</think>\n```\nSo.",
        "~~~~ xml\n<think>\n~~~\n</think>\n~~~~\n",
        "```\n<think>\nnot closed",
        "  ```\n</think>\n  ```",
        "<Think>no</Think>",
    ],
)
def test_tags_that_are_text(text: str) -> None:
    assert split(text) == [("answer", text)]
    assert split(text, streaming=True) == [("answer", text)]
    assert answer(text) == text


def test_code_in_thinking() -> None:
    quoted = "<think>\n```\n</think>\n```\nThat was code.\n</think>\nDone."
    assert split(quoted) == [
        ("thinking", "```\n</think>\n```\nThat was code."),
        ("answer", "Done."),
    ]
    # Thinking that forgets to close its block must not hide the answer.
    left_open = "<think>\n```\ncode\n</think>\nSo:\n```\nmore\n```\n"
    assert split(left_open) == [("thinking", "```\ncode"), ("answer", "So:\n```\nmore\n```\n")]


def test_a_template_that_begins_the_thinking() -> None:
    assert opening_at_end("<|im_start|>assistant\n<think>\n") == "<think>\n"
    assert opening_at_end("<|im_start|>assistant\n<think>\n\n</think>\n\n") == ""
    assert opening_at_end("<|im_start|>assistant\n") == ""


def test_half_a_tag_waits_while_more_is_to_come() -> None:
    assert split("<thi", streaming=True) == [("answer", "")]
    assert split("<thi") == [("answer", "<thi")]
    assert split("<think>Hm.</th", streaming=True) == [("thinking+", "Hm.")]
    assert split("<think>Hm.</th") == [("thinking+", "Hm.</th")]
    # In the middle of a line no tag can begin.
    assert split("a <", streaming=True) == [("answer", "a <")]
    # White space that a tag would take along waits as well.
    assert split("<think>Hm.\n", streaming=True) == [("thinking+", "Hm.")]
    assert split("Yes.\n  ", streaming=True) == [("answer", "Yes.\n")]


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", " ", "a", "<", "/"])).map("".join))
def test_a_stream_only_adds(text: str) -> None:
    """What has been shown stays; thinking without an opening tag alone turns out late."""
    text = "<think>" + text
    whole = read(text, streaming=False)
    for end in range(len(text)):
        shown = read(text[:end], streaming=True)
        if shown:
            *closed, (kind, body) = shown
            assert closed == whole[: len(closed)]
            assert whole[len(closed)][0] == kind
            assert whole[len(closed)][1].startswith(body)


def test_no_character_of_a_stream_is_shown_that_turns_out_to_be_a_tag() -> None:
    whole = "<think>\nOne < two.\n</think>\n\nThree < four.\n"
    for end in range(len(whole) + 1):
        for _, body in split(whole[:end], streaming=True):
            assert "think" not in body
            assert not body.endswith(("</", "\n<"))


@given(TEXTS, st.booleans())
def test_no_character_is_lost(text: str, streaming: bool) -> None:
    found = segments(text, streaming=streaming)
    assert "".join(segment.text for segment in found) == text
    assert all(segment.text for segment in found)
    assert not any(segment.open for segment in found[:-1])


@given(TEXTS)
def test_an_answer_has_no_thinking(text: str) -> None:
    shown = answer(text)
    thought = [part for part in segments(text) if part.kind == "thinking"]
    assert shown == text if not thought else len(shown) < len(text)


def test_many_newlines_take_no_time_to_speak_of() -> None:
    text = "<think>" + "a" + "\n" * 200_000
    assert split(text) == [("thinking+", text.removeprefix("<think>"))]
