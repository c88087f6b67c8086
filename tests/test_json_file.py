from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medusa_chat import json_file


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    json_file.write(file, {"a": [1, "ü"]})
    assert json_file.read(file) == {"a": [1, "ü"]}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_unreadable_is_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.json"
    assert json_file.read(file) is None
    file.write_bytes(content)
    assert json_file.read(file) is None


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    json_file.write(file, 1)
    with pytest.raises(TypeError):
        json_file.write(file, {1, 2})
    assert json_file.read(file) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_what_is_changed_is_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    json_file.change(file, lambda content: [content])
    json_file.change(file, lambda content: [content, 1])
    assert json_file.read(file) == [[None], 1]


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_nobody_changes_it_between_reading_and_writing(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    json_file.write(file, [])

    def add(number: int) -> None:
        def added(content: object) -> object:
            assert isinstance(content, list)
            time.sleep(0.002)
            return [*content, number]

        json_file.change(file, added)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    content = json_file.read(file)
    assert isinstance(content, list)
    assert sorted(content) == list(range(40))
