"""How the file of the chats came to its present form.

Append only: a file's ``user_version`` says how many of these steps it has seen. Each step is a
tuple of statements, run in one transaction.
"""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE conversation (
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            created TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE turn (
            conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
            content TEXT NOT NULL,
            created TEXT NOT NULL,
            recipe TEXT,
            outcome TEXT,
            PRIMARY KEY (conversation_id, position)
        ) WITHOUT ROWID
        """,
    ),
    # From one line of turns a chat to a tree of messages.
    (
        """
        CREATE TABLE chat (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            renamed INTEGER NOT NULL DEFAULT 0,
            created TEXT NOT NULL,
            changed TEXT NOT NULL,
            settings TEXT NOT NULL DEFAULT '{}'
        ) WITHOUT ROWID
        """,
        # No reference from parent_id: another window may delete what this one goes on from.
        """
        CREATE TABLE message (
            id INTEGER PRIMARY KEY,
            chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE,
            parent_id INTEGER,
            active INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
            content TEXT NOT NULL,
            created TEXT NOT NULL,
            recipe TEXT,
            outcome TEXT,
            writer TEXT,
            indexed INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX message_of_chat ON message (chat_id)",
        "CREATE INDEX message_unindexed ON message (id) WHERE indexed = 0",
        """
        CREATE INDEX message_unfinished ON message (id)
            WHERE role = 'assistant' AND outcome IS NULL
        """,
        """
        CREATE TEMPORARY TABLE new_key AS
            SELECT id AS conversation_id, lower(hex(randomblob(6))) AS chat_id FROM conversation
        """,
        """
        INSERT INTO chat (id, title, created, changed)
            SELECT chat_id, title, created,
                   coalesce((SELECT max(created) FROM turn WHERE conversation_id = id), created)
            FROM conversation JOIN new_key ON conversation_id = id
        """,
        """
        INSERT INTO message
                (id, chat_id, parent_id, active, role, content, created, recipe, outcome)
            SELECT number, chat_id,
                   lag(number) OVER (PARTITION BY conversation_id ORDER BY position),
                   1, role, content, created, recipe, outcome
            FROM (
                SELECT *, row_number() OVER (ORDER BY conversation_id, position) AS number FROM turn
            ) JOIN new_key USING (conversation_id)
        """,
        "DROP TABLE new_key",
        "DROP TABLE turn",
        "DROP TABLE conversation",
    ),
    # Above some prompts nothing is sent to the model any more.
    ("ALTER TABLE message ADD COLUMN cut TEXT",),
)
