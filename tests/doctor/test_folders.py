"""What can be written, and what is in the files there."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from huggingface_hub import constants

from medusa_chat.conversation.migrations import MIGRATIONS
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.doctor import folders
from medusa_chat.doctor.finding import Finding


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that holds all that the program writes."""
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home"


def look() -> dict[str, Finding]:
    return {finding.name: finding for finding in (*folders.look(), *folders.hub_cache())}


def test_a_new_installation(home: Path) -> None:
    findings = look()
    for name in ("data folder", "log folder", "models folder", "known models", "conversations"):
        assert findings[name].status == "ok", findings[name]
    assert findings["data folder"].value == str(home)
    assert findings["models folder"].value == f"{home.parent / 'hub'}, not made yet"
    assert findings["conversations"].value == "none yet"
    assert not (home.parent / "hub").exists()
    assert list(home.iterdir()) == []


def test_folders_that_cannot_be_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_text("a file in its place")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    findings = look()
    assert findings["data folder"].status == "broken"
    assert "MEDUSA_CHAT_HOME" in findings["data folder"].remedy
    assert findings["log folder"].status == "warning"
    assert findings["models folder"].status == "warning"
    assert "HF_HOME" in findings["models folder"].remedy
    assert "conversations" not in findings


def test_a_folder_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    # As root, whom no mode of a folder stops.
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    finding = look()["data folder"]
    assert (finding.status, finding.value) == (
        "broken",
        f"{home} cannot be written: Permission denied",
    )


def test_the_users_own_list_is_checked(home: Path) -> None:
    home.mkdir()
    (home / "models.toml").write_text("[[model]]\nname = 3\n")
    finding = look()["known models"]
    assert finding.status == "warning"
    assert str(home / "models.toml") in finding.remedy


def test_conversations_are_counted(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with Store(file) as store:
        store.new_chat().add_prompt("Hello")
        # Another window may have it open.
        finding = folders.conversations(file)
    assert finding.status == "ok"
    assert finding.value.startswith("1, ")


def test_a_damaged_file_is_broken_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    Store(file).close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    for damaged in (bytes(content), b"no database" * 1000):
        file.write_bytes(damaged)
        finding = folders.conversations(file)
        assert finding.status == "broken"
        assert "damaged" in finding.value
        assert str(file) in finding.remedy
        assert file.read_bytes() == damaged


def test_what_is_no_file_cannot_be_opened(tmp_path: Path) -> None:
    finding = folders.conversations(tmp_path)
    assert finding.status == "broken"
    assert "opened" in finding.value


def test_a_file_of_a_newer_program(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    Store(file).close()
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    finding = folders.conversations(file)
    assert finding.status == "broken"
    assert finding.remedy == "Update medusa-chat."


def test_a_held_file_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LOCK_SECONDS", 0.0)
    file = tmp_path / FILE_NAME
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("CREATE TABLE conversation (id)")
        database.execute("BEGIN EXCLUSIVE")
        assert folders.conversations(file).status == "warning"
        database.execute("ROLLBACK")
