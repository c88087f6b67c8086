"""The conversations on disk: one SQLite file, written so that no death of a process loses a word.

The write-ahead log survives the end of the program in any way, ``kill -9`` included. With
``synchronous`` NORMAL a power cut may take the last moments, but leaves a sound file.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast

from medusa_chat.conversation.conversation import Conversation, Outcome, Recipe, Role, Turn
from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "conversations.sqlite3"

MIGRATIONS = (
    # Append only: a file's ``user_version`` says how many of these it has seen.
    """
    CREATE TABLE conversation (
        id INTEGER PRIMARY KEY,
        title TEXT NOT NULL,
        created TEXT NOT NULL
    );
    CREATE TABLE turn (
        conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        content TEXT NOT NULL,
        created TEXT NOT NULL,
        recipe TEXT,
        outcome TEXT,
        PRIMARY KEY (conversation_id, position)
    ) WITHOUT ROWID;
    """,
)

# Another window of the program holds the file for milliseconds; more means something is wrong.
_LOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation in a list: enough to choose it."""

    id: int
    title: str
    created: datetime


class Store:
    """The file of the conversations. Every failure is a MedusaChatError that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._failures_in_words():
            self._database = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing waits to be written."""
        self._database.close()

    def add(self, conversation: Conversation) -> int:
        """Keep a new conversation with its turns, and return its id."""
        with self._failures_in_words(), self._transaction():
            cursor = self._database.execute(
                "INSERT INTO conversation (title, created) VALUES (?, ?)",
                (conversation.title, conversation.created.isoformat()),
            )
            conversation_id = cast("int", cursor.lastrowid)
            for position, turn in enumerate(conversation.turns):
                self._write(conversation_id, position, turn)
        return conversation_id

    def save(self, conversation_id: int, position: int, turn: Turn) -> None:
        """Keep one turn; a turn that was at this position before is replaced."""
        with self._failures_in_words():
            self._write(conversation_id, position, turn)

    def load(self, conversation_id: int) -> Conversation:
        """Return a conversation. Raises MedusaChatError when there is none of this id."""
        with self._failures_in_words():
            row = self._database.execute(
                "SELECT title, created FROM conversation WHERE id = ?", (conversation_id,)
            ).fetchone()
            turns = self._database.execute(
                "SELECT role, content, created, recipe, outcome FROM turn"
                " WHERE conversation_id = ? ORDER BY position",
                (conversation_id,),
            ).fetchall()
        if row is None:
            raise MedusaChatError(f"There is no conversation {conversation_id} in {self.path}.")
        title, created = row
        with self._failures_in_words():
            return Conversation(
                title, datetime.fromisoformat(created), tuple(_turn(*fields) for fields in turns)
            )

    def recent(self, limit: int) -> list[Entry]:
        """Return the latest conversations, the newest first."""
        with self._failures_in_words():
            rows = self._database.execute(
                "SELECT id, title, created FROM conversation ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
            return [Entry(key, title, datetime.fromisoformat(made)) for key, title, made in rows]

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA foreign_keys = ON")
        if self._version() > len(MIGRATIONS):
            raise MedusaChatError(
                f"{self.path} was written by a newer medusa-chat: update this one to use it."
            )
        with self._transaction():
            # Read again inside the transaction: another window may have migrated meanwhile.
            for number, script in enumerate(MIGRATIONS[self._version() :], self._version() + 1):
                for statement in script.split(";"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {number}")
            # Writes nothing new, but a file that can only be read fails here, not at a prompt.
            self._database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return cast("int", self._database.execute("PRAGMA user_version").fetchone()[0])

    def _write(self, conversation_id: int, position: int, turn: Turn) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO turn"
            " (conversation_id, position, role, content, created, recipe, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                conversation_id,
                position,
                turn.role,
                turn.content,
                turn.created.isoformat(),
                _json(turn.recipe),
                _json(turn.outcome),
            ),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        # ValueError, TypeError, KeyError: rows that no version of the program wrote.
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise MedusaChatError(
                f"The conversations in {self.path} cannot be read or written ({error}). "
                "Check the disk and the file's permissions; if the file is damaged, move it away "
                "and a new one is made."
            ) from error


def _json(value: Recipe | Outcome | None) -> str | None:
    return None if value is None else json.dumps(dataclasses.asdict(value), ensure_ascii=False)


def _turn(role: Role, content: str, created: str, recipe: str | None, outcome: str | None) -> Turn:
    return Turn(
        role,
        content,
        datetime.fromisoformat(created),
        None if recipe is None else Recipe(**_known(Recipe, json.loads(recipe))),
        None if outcome is None else Outcome(**_known(Outcome, json.loads(outcome))),
    )


def _known(kind: type[Recipe | Outcome], values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a later version added, so that it stays readable."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names}
