"""The SQLite file under the chats: opened, brought up to date, its failures put into words.

The write-ahead log survives the end of the program in any way, ``kill -9`` included. With
``synchronous`` NORMAL a power cut may take the last moments, but leaves a sound file.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from medusa_chat.conversation import migrations
from medusa_chat.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from medusa_chat.errors import StorageErrorKind

# Another window of the program holds the file for milliseconds; more means something is wrong.
_PATIENCE_SECONDS = 2.0
# Once it has gone wrong, a chat that goes on is not to stand still at every attempt.
_IMPATIENCE_SECONDS = 0.02
# Two programs that make a new file at once: SQLite does not wait for the change to a log.
_ATTEMPTS = 40
_PAUSE_SECONDS = 0.05
# A check of every page takes about a millisecond a megabyte.
_CHECKED_BYTES = 16_000_000

_KINDS: dict[int, StorageErrorKind] = {
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_PERM: "unwritable",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
}

_ADVICE: dict[StorageErrorKind, str] = {
    "damaged": "It is damaged: it is set aside, and kept, when medusa-chat starts again.",
    "unwritable": "Check its permissions, or set MEDUSA_CHAT_HOME to a folder of yours.",
    "full": "Free some space on the disk.",
    "busy": "Another program holds it: close that one.",
    "failed": "Check the disk; `medusa-chat doctor` looks at the file.",
}


class Database:
    """One connection. Every failure is a StorageError that names the file."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, made if need be, and bring it up to date; None is a file in memory."""
        self.path = path
        with self.failures_in_words():
            if path is not None and not path.exists():
                # What is said in a chat is nobody else's business.
                path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=_PATIENCE_SECONDS,
                isolation_level=None,
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return the rows that it gives."""
        with self.failures_in_words():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; other programs wait meanwhile."""
        with self.failures_in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def be_patient(self, *, patient: bool) -> None:
        """Wait long, or hardly at all, for another program that holds the file."""
        seconds = _PATIENCE_SECONDS if patient else _IMPATIENCE_SECONDS
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def add_function(self, name: str, function: Any) -> None:
        """Let statements call ``function``, of one argument."""
        self._connection.create_function(name, 1, function, deterministic=True)

    def take_in(self, path: Path) -> None:
        """Fill an empty file with what another one holds, which is only read."""
        with self.failures_in_words(), _read_only(path) as source:
            _check_version(source, path)
            source.backup(self._connection)
            self._migrate()

    @contextmanager
    def failures_in_words(self) -> Iterator[None]:
        """Turn what SQLite, the disk or a row that makes no sense raises into a StorageError."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError) as error:
            kind = _kind(error)
            words = f"{self.path or 'The chats in memory'} cannot be read or written ({error})."
            raise StorageError(f"{words} {_ADVICE[kind]}", kind) from error

    def _prepare(self) -> None:
        _check_version(self._connection, self.path)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        for attempt in range(_ATTEMPTS):
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_SECONDS)
        if self.path is not None and self.path.stat().st_size <= _CHECKED_BYTES:
            (said,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                raise StorageError(f"{self.path} is damaged ({said}).", "damaged")
        self._migrate()

    def _migrate(self) -> None:
        steps = migrations.MIGRATIONS
        with self.transaction() as connection:
            # Read inside the transaction: another window may have migrated meanwhile.
            for step in steps[_version(connection) :]:
                for statement in step:
                    connection.execute(statement)
            # Also where nothing is new: a file that can only be read fails here, not at a prompt.
            connection.execute(f"PRAGMA user_version = {len(steps)}")


def _kind(error: Exception) -> StorageErrorKind:
    if isinstance(error, OSError):
        return "unwritable"
    code = getattr(error, "sqlite_errorcode", None)
    return "failed" if code is None else _KINDS.get(code & 0xFF, "failed")


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that cannot be written; on a disk that cannot be either, as it stands."""
    address = path.absolute().as_uri()
    try:
        source = sqlite3.connect(f"{address}?mode=ro", uri=True)
        _version(source)
    except sqlite3.OperationalError:
        source = sqlite3.connect(f"{address}?immutable=1", uri=True)
    try:
        yield source
    finally:
        source.close()


def _version(connection: sqlite3.Connection) -> int:
    return cast("int", connection.execute("PRAGMA user_version").fetchone()[0])


def _check_version(connection: sqlite3.Connection, path: Path | None) -> None:
    version = _version(connection)
    if version > len(migrations.MIGRATIONS):
        raise StorageError(
            f"{path} was written by a newer medusa-chat (form {version}, this one knows "
            f"{len(migrations.MIGRATIONS)}). It is left as it is: update medusa-chat to use it.",
            "newer",
        )
