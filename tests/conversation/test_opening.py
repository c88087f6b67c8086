from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from medusa_chat.conversation import database
from medusa_chat.conversation.migrations import MIGRATIONS
from medusa_chat.conversation.opening import open_store
from medusa_chat.conversation.store import FILE_NAME, Store

from .examples import chat_with, texts


def test_chats_are_kept_in_the_folder(tmp_path: Path) -> None:
    with open_store(lambda: tmp_path) as store:
        assert (store.failure, store.notice, store.is_ephemeral) == (None, None, False)
        chat = chat_with(store, "one", "1")
    with open_store(lambda: tmp_path) as store:
        assert texts(store.chat(chat.id)) == ["one", "1"]


def test_ephemeral_chats_ask_for_no_folder() -> None:
    def folder() -> Path:
        raise AssertionError("not needed")

    with open_store(folder, ephemeral=True) as store:
        assert store.is_ephemeral
        chat_with(store, "one", "1")


def test_a_damaged_file_is_set_aside_and_never_deleted(tmp_path: Path) -> None:
    damaged = b"this is no database, but a diary" * 100
    for times in (1, 2):
        (tmp_path / FILE_NAME).write_bytes(damaged)
        (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"what belongs to it")
        with open_store(lambda: tmp_path) as store:
            assert store.failure is None
            assert store.notice is not None
            assert "set aside" in store.notice
            assert store.chats() == []
            chat_with(store, "one", "1")
        asides = [one for one in tmp_path.glob(f"{FILE_NAME}.damaged-*") if one.suffix != "-wal"]
        kept = [one for one in asides if not one.name.endswith(("-wal", "-shm"))]
        assert [one.read_bytes() for one in kept] == [damaged] * times
        assert any(str(one) in store.notice for one in kept)


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    content = file.read_bytes()
    with open_store(lambda: tmp_path) as store:
        assert store.failure is not None
        assert store.failure.kind == "newer"
        assert not store.is_ephemeral
        chat = chat_with(store, "one", "1")
        assert store.failure.kind == "newer"
        assert texts(store.chat(chat.id)) == ["one", "1"]
    assert file.read_bytes() == content


def test_a_file_that_can_only_be_read_is_shown_and_gone_on_with_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / FILE_NAME
    with Store(file) as store:
        chat = chat_with(store, "one", "1")
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def only_to_read(name: Any, **options: Any) -> sqlite3.Connection:
        # File permissions do not bind the superuser, under whom tests may run.
        if name == file:
            return connect(f"{file.as_uri()}?mode=ro", uri=True, **options)
        return connect(name, **options)

    monkeypatch.setattr(sqlite3, "connect", only_to_read)
    with open_store(lambda: tmp_path) as store:
        assert store.failure is not None
        assert store.failure.kind == "unwritable"
        kept = store.chat(chat.id)
        kept.add_prompt("two")
        assert texts(kept) == ["one", "1", "two"]
        assert [found.title for found in store.chats("two")] == ["one"]
    monkeypatch.undo()
    with Store(file) as store:
        assert texts(store.chat(chat.id)) == ["one", "1"]


def test_without_a_folder_chats_are_kept_in_memory() -> None:
    def folder() -> Path:
        raise PermissionError(13, "Permission denied", "/nowhere")

    with open_store(folder) as store:
        assert "/nowhere" in str(store.failure)
        chat_with(store, "one", "1")
        assert "/nowhere" in str(store.failure)


def test_a_file_that_is_held_is_shown_and_gone_on_with_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE_SECONDS", 0.01)
    with Store(tmp_path / FILE_NAME) as store:
        chat = chat_with(store, "one", "1")
        with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with open_store(lambda: tmp_path) as second:
                assert second.failure is not None
                assert second.failure.kind == "busy"
                assert texts(second.chat(chat.id)) == ["one", "1"]
