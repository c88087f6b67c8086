"""Reading lines: what is taken, what is skipped and said, and files that are broken."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.training.records import Problems, check_files, read_records
from training.runs import dialogue


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
