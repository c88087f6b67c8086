from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from command_line import environment

from medusa_chat.conversation import migrations
from medusa_chat.conversation.database import Database
from medusa_chat.conversation.migrations import MIGRATIONS
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import StorageError

from .examples import chat_with, texts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def old_file(path: Path, version: int) -> None:
    script = Path(__file__).with_name(f"version_{version}.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


def schema_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()
        tables = database.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    return f"{version} {tables}"


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_old_file_is_brought_up_to_date(version: int, path: Path, tmp_path: Path) -> None:
    old_file(path, version)
    with Store(path) as store:
        answered, unanswered = sorted(store.chats(), key=lambda chat: chat.created)
        chat = store.chat(answered.id)
        assert chat.title == "Hello there"
        assert texts(chat) == ["Hello\nthere", "Hi, 日本.", "And then?", "The program"]
        reply, cut = chat.path[1], chat.path[3]
        assert reply.created.isoformat() == "2026-01-02T03:04:06+00:00"
        assert reply.recipe is not None
        assert (reply.recipe.seed, reply.recipe.versions) == (7, {"python": "3.11.2"})
        assert reply.outcome is not None
        assert reply.outcome.figures == {"tokens": 3, "accepted_counts": [1, 1]}
        # The program of then ended before the reply did.
        assert cut.outcome is not None
        assert cut.outcome.ending == "interrupted"
        assert texts(store.chat(unanswered.id)) == ["Never answered", "Nor this"]
        assert chat.add_prompt("More").id > reply.id
    Store(tmp_path / "new.sqlite3").close()
    assert schema_of(path) == schema_of(tmp_path / "new.sqlite3")


def test_a_step_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_file(path, 1)
    before = schema_of(path)
    steps = (MIGRATIONS[0], (*MIGRATIONS[1], "NONSENSE"))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with pytest.raises(StorageError, match="NONSENSE"):
        Database(path)
    assert schema_of(path) == before


def test_a_file_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE novelty (id)")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    content = path.read_bytes()
    with pytest.raises(StorageError, match=r"newer medusa-chat.*update") as refused:
        Database(path)
    assert refused.value.kind == "newer"
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", ["not a database", "a page"])
def test_a_damaged_file_is_found_out(path: Path, damage: str) -> None:
    with Store(path) as store:
        chat_with(store, *("word " * 2000,) * 20)
    content = bytearray(path.read_bytes())
    if damage == "a page":
        content[8 * 4096 : 9 * 4096] = b"\x55" * 4096
    else:
        content[:100] = b"\x00\x01" * 50
    path.write_bytes(content)
    with pytest.raises(StorageError, match=FILE_NAME) as found:
        Database(path)
    assert found.value.kind == "damaged"


def test_a_folder_that_is_missing_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/c\.sqlite3 cannot be read") as error:
        Database(tmp_path / "nowhere" / "c.sqlite3")
    assert error.value.kind == "unwritable"


def test_what_is_said_can_be_read_by_its_owner_alone(path: Path) -> None:
    Database(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_is_called_that(path: Path) -> None:
    database = Database(path)
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Free some space") as error, database.transaction() as c:
        c.execute("CREATE TABLE more AS SELECT randomblob(100000)")
    assert error.value.kind == "full"
    with database.transaction():
        pass
    database.close()


def test_a_file_that_another_program_holds_is_called_that(path: Path) -> None:
    database = Database(path)
    database.be_patient(patient=False)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="Another program") as error, database.transaction():
            pass
    assert error.value.kind == "busy"
    database.close()


def test_many_programs_may_make_the_file_at_once(path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom medusa_chat.conversation.store import Store\n"
        "store = Store(Path(sys.argv[1]))\nsys.stdin.read()\nstore.new_chat().add_prompt('hi')"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        for _ in range(3)
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    with Store(path) as store:
        assert len(store.chats()) == 3
