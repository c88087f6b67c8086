"""Finds messages by their words: by SQLite's full-text index, or by reading every one.

The index is a copy that is brought up to date when something is looked for, so that writing never
waits for it, and a SQLite without full-text search does the file no harm.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from medusa_chat.conversation.preview import folded
from medusa_chat.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_chat.conversation.database import Database


class Search:
    """Looks for messages in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.add_function("folded", folded)

    def messages(self, words: Sequence[str]) -> dict[str, int]:
        """Return, by the id of its chat, the latest message with all the ``words``.

        A word is found where one begins with it; one of other characters than letters and digits,
        or of a script that does not part words by spaces, anywhere.
        """
        if _has_full_text() and all(_is_plain(word) for word in words) and self._catch_up():
            query = " ".join(f'"{word}"*' for word in words)
            rows = self._database.rows(
                "SELECT chat_id, max(message.id) FROM message_words"
                " JOIN message ON message.id = message_words.rowid"
                " WHERE message_words MATCH ? GROUP BY chat_id",
                (query,),
            )
            return dict(rows)
        condition = " AND ".join("folded(content) LIKE ? ESCAPE '\\'" for _ in words)
        rows = self._database.rows(
            f"SELECT chat_id, max(id) FROM message WHERE {condition} GROUP BY chat_id",  # noqa: S608
            [f"%{_escaped(folded(word))}%" for word in words],
        )
        return dict(rows)

    def _catch_up(self) -> bool:
        """Index what was finished since the last time; False when that cannot be written."""
        try:
            self._index()
        except StorageError:
            return False
        return True

    def _index(self) -> None:
        """Index what was finished since the last time."""
        database = self._database
        missing = database.rows(
            "SELECT 1 FROM message WHERE indexed = 0 AND (role = 'user' OR outcome IS NOT NULL)"
            " LIMIT 1"
        )
        known = database.rows("SELECT 1 FROM sqlite_schema WHERE name = 'message_words'")
        if known and not missing:
            return
        with database.transaction() as connection:
            connection.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS message_words"
                " USING fts5(content, tokenize = 'unicode61 remove_diacritics 2')"
            )
            # A reply that was gone on with is there already, with fewer words.
            connection.execute(
                "DELETE FROM message_words"
                " WHERE rowid IN (SELECT id FROM message WHERE indexed = 0)"
            )
            connection.execute(
                "INSERT INTO message_words (rowid, content) SELECT id, content FROM message"
                " WHERE indexed = 0 AND (role = 'user' OR outcome IS NOT NULL)"
            )
            connection.execute(
                "UPDATE message SET indexed = 1"
                " WHERE indexed = 0 AND (role = 'user' OR outcome IS NOT NULL)"
            )


def forget(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Take deleted messages out of the index, if there is one."""
    if not connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = 'message_words'"
    ).fetchone():
        return
    if _has_full_text():
        connection.executemany(
            "DELETE FROM message_words WHERE rowid = ?", [(message,) for message in ids]
        )


def _has_full_text() -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(content)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _is_plain(term: str) -> bool:
    # Letters from U+0E00 on: Thai, Khmer, Chinese, Japanese and others that write no spaces, and
    # Hangul, whose endings are written to the word.
    return term.isalnum() and all(ord(character) < 0x0E00 for character in term)


def _escaped(term: str) -> str:
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
