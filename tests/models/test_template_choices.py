from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medusa_chat.models.template_choices import recall, remember


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return tmp_path


def test_a_choice_is_remembered_and_can_be_changed(home: Path) -> None:
    assert recall("some/model") is None
    remember("some/model", "vicuna")
    remember("some/other", "plain")
    assert (recall("some/model"), recall("some/other")) == ("vicuna", "plain")
    remember("some/model", "llama-3")
    assert (recall("some/model"), recall("some/other")) == ("llama-3", "plain")
    assert {file.name for file in home.iterdir()} == {"templates.json", "templates.json.lock"}


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_choices_of_the_same_moment_are_all_remembered() -> None:
    models = [f"some/{number}" for number in range(12)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, models, ["vicuna"] * 12))
    assert [recall(model) for model in models] == ["vicuna"] * 12


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"vicuna"', b'{"m": 1}', b'{"m": "no-such"}', b"\xff", b"[" * 100_000],
)
def test_a_damaged_file_is_an_empty_one(home: Path, content: bytes) -> None:
    (home / "templates.json").write_bytes(content)
    assert recall("m") is None
    remember("m", "gemma")
    assert recall("m") == "gemma"


def test_a_choice_that_cannot_be_written_leaves_the_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("m", "gemma")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        remember("m", "vicuna")
    assert recall("m") == "gemma"
    assert {file.name for file in home.iterdir()} == {"templates.json", "templates.json.lock"}
