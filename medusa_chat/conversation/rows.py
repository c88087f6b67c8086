"""Chats and messages as rows of the file, and back."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from medusa_chat.conversation import search
from medusa_chat.conversation.chat import Chat
from medusa_chat.conversation.conversation import ChatSettings, Cut, Message, Outcome, Recipe
from medusa_chat.conversation.tree import MessageTree

if TYPE_CHECKING:
    import sqlite3

    from medusa_chat.conversation.store import Store

_Record = TypeVar("_Record", Recipe, Outcome, ChatSettings, Cut)

CHAT = "SELECT id, created, title, renamed, changed, settings FROM chat WHERE id = ?"
MESSAGES = (
    "SELECT id, parent_id, active, role, content, created, recipe, outcome, cut"
    " FROM message WHERE chat_id = ?"
)


def chat_of(store: Store, row: tuple[Any, ...], messages: list[tuple[Any, ...]]) -> Chat:
    """Return the chat of a row that CHAT gives, and the rows that MESSAGES gives."""
    chat_id, created, title, renamed, changed, settings = row
    return Chat(
        store,
        chat_id,
        moment(created),
        title=title,
        renamed=bool(renamed),
        changed=moment(changed),
        settings=_record(ChatSettings, settings),
        tree=MessageTree(
            [_message(*fields) for fields in messages],
            [message_id for message_id, _, active, *_ in messages if active],
        ),
    )


def write(connection: sqlite3.Connection, chat: Chat) -> None:
    """Write what is not in the file yet of a chat; a chat without messages leaves the file."""
    if chat.is_empty:
        delete(connection, chat.id)
        return
    is_new = connection.execute("SELECT 1 FROM chat WHERE id = ?", (chat.id,)).fetchone() is None
    if is_new or chat.unsaved.heading:
        _write_heading(connection, chat)
    removed = sorted(chat.unsaved.removed)
    connection.executemany("DELETE FROM message WHERE id = ?", [(one,) for one in removed])
    search.forget(connection, removed)
    if is_new:
        # Not there yet, or deleted by another window while this one goes on with it.
        missing = {message.id for message in chat.tree}
    else:
        rows = connection.execute("SELECT id FROM message WHERE chat_id = ?", (chat.id,))
        there = {message_id for (message_id,) in rows}
        missing = {
            message.id for changed in chat.unsaved.changed for message in chat.tree.path_to(changed)
        } - there
    for message_id in sorted(missing | chat.unsaved.changed):
        _write_message(connection, chat, chat.tree[message_id])


def delete(connection: sqlite3.Connection, chat_id: str) -> None:
    """Delete a chat with all its messages."""
    rows = connection.execute("SELECT id FROM message WHERE chat_id = ?", (chat_id,)).fetchall()
    search.forget(connection, [message_id for (message_id,) in rows])
    connection.execute("DELETE FROM chat WHERE id = ?", (chat_id,))


def moment(text: str) -> datetime:
    """Return the time that was written as ``text``."""
    return datetime.fromisoformat(text)


def model_of(recipe: str | None) -> str | None:
    """Return the model that a recipe names."""
    return None if recipe is None else str(json.loads(recipe)["model"])


def json_of(record: Recipe | Outcome | ChatSettings | Cut | None) -> str | None:
    """Return a record as it stands in a column."""
    return None if record is None else json.dumps(dataclasses.asdict(record), ensure_ascii=False)


def _write_heading(connection: sqlite3.Connection, chat: Chat) -> None:
    connection.execute(
        "INSERT INTO chat (id, title, renamed, created, changed, settings)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title,"
        " renamed = excluded.renamed, changed = excluded.changed, settings = excluded.settings",
        (
            chat.id,
            chat.title,
            chat.renamed,
            _text(chat.created),
            _text(chat.changed),
            json_of(chat.settings),
        ),
    )


def _write_message(connection: sqlite3.Connection, chat: Chat, message: Message) -> None:
    # When it was written last tells a process from a later one of the same number.
    writer = f"{os.getpid()} {time.time()}" if message.id in chat.writing else None
    connection.execute(
        "INSERT INTO message (id, chat_id, parent_id, active, role, content, created, recipe,"
        " outcome, writer, cut) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id,"
        " active = excluded.active, content = excluded.content, outcome = excluded.outcome,"
        " writer = excluded.writer, cut = excluded.cut,"
        " indexed = indexed AND content = excluded.content",
        (
            message.id,
            chat.id,
            message.parent,
            chat.tree.is_active(message.id),
            message.role,
            message.content,
            _text(message.created),
            json_of(message.recipe),
            json_of(message.outcome),
            writer,
            json_of(message.cut),
        ),
    )


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _message(
    message_id: int,
    parent: int | None,
    _active: int,
    role: Any,
    content: str,
    created: str,
    recipe: str | None,
    outcome: str | None,
    cut: str | None,
) -> Message:
    return Message(
        role,
        content,
        moment(created),
        None if recipe is None else _record(Recipe, recipe),
        None if outcome is None else _record(Outcome, outcome),
        message_id,
        parent,
        None if cut is None else _record(Cut, cut),
    )


def _record(kind: type[_Record], text: str) -> _Record:
    """Return a record; what a later version of the program added to it is left out."""
    names = {field.name for field in dataclasses.fields(kind)}
    values = {name: value for name, value in json.loads(text).items() if name in names}
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return kind(**values)
