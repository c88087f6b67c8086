from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation import store as store_module
from medusa_chat.conversation.store import MIGRATIONS, Store
from medusa_chat.errors import MedusaChatError

from .examples import NOON, asked, conversation, replied

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conversations.sqlite3"


def test_what_is_saved_is_loaded_again(path: Path) -> None:
    kept = conversation(asked("héllo 日本"), replied("world"), asked("again"))
    with Store(path) as store:
        key = store.add(kept)
    with Store(path) as store:
        assert store.load(key) == kept


def test_a_turn_replaces_the_one_at_its_position(path: Path) -> None:
    with Store(path) as store:
        key = store.add(conversation(asked("a")))
        store.save(key, 1, replied("wor", outcome=None))
        store.save(key, 1, replied("world"))
        assert store.load(key).turns == (asked("a"), replied("world"))


def test_turns_come_in_the_order_of_their_positions(path: Path) -> None:
    with Store(path) as store:
        key = store.add(conversation(asked("first")))
        store.save(key, 2, asked("second"))
        store.save(key, 1, replied("reply"))
        assert [turn.content for turn in store.load(key).turns] == ["first", "reply", "second"]


def test_recent_conversations_are_listed_newest_first(path: Path) -> None:
    with Store(path) as store:
        keys = [store.add(conversation(title=f"chat {n}")) for n in range(3)]
        entries = store.recent(2)
    assert [(entry.id, entry.title, entry.created) for entry in entries] == [
        (keys[2], "chat 2", NOON),
        (keys[1], "chat 1", NOON),
    ]


def test_an_unknown_conversation_is_an_error_in_words(path: Path) -> None:
    with Store(path) as store, pytest.raises(MedusaChatError, match="no conversation 9"):
        store.load(9)


def test_fields_of_a_later_version_are_passed_over(path: Path) -> None:
    with Store(path) as store:
        key = store.add(conversation(replied("world")))
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE turn SET recipe = json_set(recipe, '$.novelty', 1)")
    database.close()
    with Store(path) as store:
        assert store.load(key).turns == (replied("world"),)


def test_migrations_lead_from_blank_and_from_the_oldest_to_the_same_tables(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = tmp_path / "oldest.sqlite3"
    with monkeypatch.context() as past:
        past.setattr(store_module, "MIGRATIONS", MIGRATIONS[:1])
        with Store(oldest) as store:
            key = store.add(conversation(asked("from long ago")))
    with monkeypatch.context() as future:
        future.setattr(
            store_module, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE turn ADD COLUMN later TEXT")
        )
        with Store(oldest) as store:
            assert store.load(key).turns == (asked("from long ago"),)
        Store(path).close()
    assert schema_of(path) == schema_of(oldest)
    assert "later" in schema_of(path)


def schema_of(path: Path) -> str:
    database = sqlite3.connect(path)
    version = database.execute("PRAGMA user_version").fetchone()
    tables = database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    database.close()
    return f"{version} {tables}"


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(MedusaChatError, match="newer medusa-chat"):
        Store(path)


def test_a_damaged_file_is_an_error_that_names_it(path: Path) -> None:
    path.write_bytes(b"this is no database, but a diary" * 100)
    with pytest.raises(MedusaChatError, match=r"conversations\.sqlite3 cannot be read.*move it"):
        Store(path)


def test_a_row_that_makes_no_sense_is_an_error_that_names_the_file(path: Path) -> None:
    with Store(path) as store:
        key = store.add(conversation(asked("a")))
        database = sqlite3.connect(path)
        with database:
            database.execute("UPDATE turn SET created = 'yesterday'")
        database.close()
        with pytest.raises(MedusaChatError, match=r"conversations\.sqlite3 cannot be read"):
            store.load(key)


def test_a_folder_that_is_missing_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(MedusaChatError, match=r"nowhere/c\.sqlite3 cannot be read or written"):
        Store(tmp_path / "nowhere" / "c.sqlite3")


def test_a_file_that_can_only_be_read_is_refused_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(path).close()
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        # File permissions do not bind the superuser, under whom tests may run.
        lambda name, **options: connect(f"file:{name}?mode=ro", uri=True, **options),
    )
    with pytest.raises(MedusaChatError, match="readonly"):
        Store(path)


def test_what_was_saved_outlives_a_kill(path: Path) -> None:
    script = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from medusa_chat.conversation.conversation import Conversation, Turn
from medusa_chat.conversation.store import Store
now = datetime.now(UTC)
Store(Path(sys.argv[1])).add(Conversation("", now, (Turn("user", "the last words", now),)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    with Store(path) as store:
        turns = store.load(store.recent(1)[0].id).turns
    assert [turn.content for turn in turns] == ["the last words"]
