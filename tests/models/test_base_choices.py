from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medusa_chat.models.base_choices import recall, remember


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_a_base_is_remembered_for_every_revision_of_its_heads() -> None:
    assert recall("a/heads") is None
    remember("a/heads@v1", "a/base@fp16")
    remember("a/other", "a/base")
    assert recall("a/heads") == recall("a/heads@v2") == "a/base@fp16"
    remember("a/heads", "b/base")
    assert (recall("a/heads"), recall("a/other")) == ("b/base", "a/base")


def test_folders_are_known_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "base").mkdir()
    remember("heads", "base")
    monkeypatch.chdir("/")
    assert recall(str(tmp_path / "heads")) == str(tmp_path / "base")


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_bases_named_at_the_same_moment_are_all_remembered() -> None:
    heads = [f"a/heads-{number}" for number in range(12)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, heads, ["a/base"] * 12))
    assert [recall(one) for one in heads] == ["a/base"] * 12


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a/heads": 1}', b'{"a/heads": ""}', b"\xff"])
def test_a_damaged_file_is_an_empty_one(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "bases.json").write_bytes(content)
    assert recall("a/heads") is None
    remember("a/heads", "a/base")
    assert recall("a/heads") == "a/base"
