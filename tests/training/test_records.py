"""Reading lines: what is taken, what is skipped and said, and files that are broken."""

from __future__ import annotations

import contextlib
import json
import lzma
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.training.records import Problems, check_files, raw_records, read_records
from training.runs import dialogue, write_lines


def test_reads_plain_and_compressed_lines_alike(tmp_path: Path) -> None:
    lines = f"{json.dumps(dialogue('Hi', 'Hello'))}\n\n{json.dumps({'text': 'Once ä'})}\n".encode()
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.xz"
    plain.write_bytes(b"\xef\xbb\xbf" + lines)
    packed.write_bytes(lzma.compress(lines))
    for file in (plain, packed):
        problems = Problems()
        first, second = read_records(file, problems)
        assert problems.count == 0
        assert first.messages is not None
        assert [message["content"] for message in first.messages] == ["Hi", "Hello"]
        assert (second.line, second.messages, second.text) == (3, None, "Once ä")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"text": "\xff"}', "not UTF-8 (byte 11)"),
        (b'{"text": ', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'"text"', "neither"),
        (b'{"text": 3}', "neither"),
        (b'{"messages": "hello"}', "neither"),
        (b'{"messages": [{"role": "user"}]}', "a message is not"),
        (b'{"messages": [{"role": "user", "content": null}]}', "a message is not"),
        (b'{"messages": ["hello"]}', "a message is not"),
        (b'{"text": "\\ud800"}', "half of a surrogate pair"),
    ],
)
def test_a_bad_line_is_named_and_skipped(line: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "one"}\n' + line + b'\n{"text": "three"}\n')
    problems = Problems()
    assert [record.line for record in read_records(file, problems)] == [1, 3]
    assert problems.count == 1
    assert problems.first[0].startswith(f"{file}:2: {words}")
    assert len(problems.first[0]) < 300


def shared(*turns: tuple[str, str]) -> dict[str, object]:
    """Return a conversation as ShareGPT has it."""
    return {"id": "x", "conversations": [{"from": who, "value": said} for who, said in turns]}


ARRAY = """ [
  {"id": 1, "conversations": [{"from": "gpt", "value": "cut"}, {"from": "human", "value": "a ]}"},
                              {"from": "gpt", "value": "b, \\" {["}]},
  {"id": 2,
   "conversations": 3}, 7,
  {"text": oops},

  {"messages": [{"role": "user", "content": "c"}]}
]
"""


@pytest.mark.parametrize("name", ["a.json", "a.json.xz"])
def test_an_array_is_read_item_by_item(name: str, tmp_path: Path) -> None:
    file, content = tmp_path / name, b"\xef\xbb\xbf" + ARRAY.encode()
    file.write_bytes(lzma.compress(content) if name.endswith("xz") else content)
    problems = Problems()
    first, last = read_records(file, problems)
    assert (first.line, last.line) == (2, 8)
    assert first.messages == (
        {"role": "user", "content": "a ]}"},
        {"role": "assistant", "content": 'b, " {['},
    )
    assert last.messages == ({"role": "user", "content": "c"},)
    assert [problem.partition(": ")[0] for problem in problems.first] == [
        f"{file}:{line}" for line in (4, 5, 6)
    ]
    assert "neither" in problems.first[0]
    assert "not JSON" in problems.first[2]


def test_lines_of_sharegpt_are_read_whatever_the_name(tmp_path: Path) -> None:
    lines = [
        shared(("system", "Be brief."), ("human", "Hi"), ("chatgpt", "Hello")),
        shared(("human", "Hi"), ("martian", "Hello")),
        {"conversations": [{"from": "human"}]},
    ]
    for name in ("a.jsonl", "a.json"):
        file = tmp_path / name
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        problems = Problems()
        [record] = read_records(file, problems)
        assert record.messages is not None
        assert [one["role"] for one in record.messages] == ["system", "user", "assistant"]
        assert problems.first[0].endswith("2: 'martian' speaks, who is neither human nor gpt")
        assert problems.first[1].endswith('3: a turn is not {"from": "...", "value": "..."}')


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "one"}, {"text": "tw',
        '[{"text": "one"},',
        "[",
        '[{"text": "one"}}, {"text": "two"}]',
        '[{"text": "one"} }]',
        "[}",
        '[{"text": "one"}], {"text": "two"}]',
    ],
)
def test_an_array_that_is_broken_is_told(content: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(MedusaChatError, match="no whole JSON array: after line 1") as caught:
        list(read_records(file, Problems()))
    assert len(str(caught.value).splitlines()) == 1


@given(st.lists(st.sampled_from([*b'[]{},"\\ \n1', *b"\xef\xff"])).map(bytes) | st.binary())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_array_holds_reading_it_ends(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"[" + content)
    with contextlib.suppress(MedusaChatError):
        # No more items than there can be commas between them.
        assert sum(1 for _ in islice(raw_records(file), 2 + len(content))) < 2 + len(content)


def test_only_the_first_problems_are_kept() -> None:
    problems = Problems(shown=2)
    for line in range(9):
        problems.add(Path("a"), line, "bad")
    assert (problems.count, problems.first) == (9, ["a:0: bad", "a:1: bad"])


@pytest.mark.parametrize("broken", ["cut", "changed", "not xz"])
def test_a_broken_archive_is_told(broken: str, tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(b'{"text": "once"}\n' * 10_000))
    if broken == "cut":
        del packed[-20:]
    elif broken == "changed":
        packed[len(packed) // 2] ^= 255
    else:
        packed[:] = b'{"text": "once"}\n'
    file = tmp_path / "a.jsonl.xz"
    file.write_bytes(packed)
    with pytest.raises(MedusaChatError, match="damaged or cut short") as caught:
        list(read_records(file, Problems()))
    assert str(file) in str(caught.value)


def test_missing_files_are_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.jsonl does not exist"):
        check_files((tmp_path / "nowhere.jsonl",))
    with pytest.raises(UsageError, match="cannot be opened: Is a directory"):
        check_files((tmp_path,))


def test_the_mark_of_an_answer_that_was_cut_short_is_read(tmp_path: Path) -> None:
    turns = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    lines = [
        dialogue("a", "b"),
        dialogue("a", "b") | {"truncated": True},
        dialogue("a", "b") | {"truncated": False},
        turns | {"truncated": True},
    ]
    file = write_lines(tmp_path / "data.jsonl", lines)
    records = list(read_records(file, Problems()))
    assert [record.truncated for record in records] == [False, True, False, True]


def test_problems_are_counted_and_the_first_ones_said() -> None:
    problems = Problems(shown=2)
    assert problems.words() == []
    for line in (3, 5, 8):
        problems.add(Path("a.jsonl"), line, "not JSON")
    assert problems.words() == [
        "a.jsonl:3: not JSON",
        "a.jsonl:5: not JSON",
        "Bad lines skipped: 3, 1 not shown.",
    ]
