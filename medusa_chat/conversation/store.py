"""All chats: where they are kept, found, deleted and brought back."""

from __future__ import annotations

import os
import time
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from medusa_chat.conversation import rows
from medusa_chat.conversation.chat import Chat, new_message_id
from medusa_chat.conversation.conversation import INTERRUPTED, ChatSummary, Outcome
from medusa_chat.conversation.database import Database
from medusa_chat.conversation.preview import Preview, folded, preview, terms_of
from medusa_chat.conversation.search import Search
from medusa_chat.conversation.writers import is_writing
from medusa_chat.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_chat.conversation.chat_json import ChatCopy
    from medusa_chat.conversation.conversation import ChatSettings

FILE_NAME = "conversations.sqlite3"

_MOST_UNDONE = 100
_PREVIEWED = 4000
"""Characters of a message that a preview is made from, where nothing was searched for."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was undone, in words, and the chat that it concerns."""

    what: str
    chat_id: str


class Store:
    """The file of the chats, or the same in memory.

    Reading raises StorageError. Saving never does: what cannot be saved is kept in memory,
    ``failure`` says why, and it is tried again with the next change.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        unsaved_because: StorageError | None = None,
        copy_of: Path | None = None,
        notice: str | None = None,
    ) -> None:
        """Open the file; without a ``path`` keep chats in memory, ``unsaved_because`` of a failure
        or by choice, beginning with those of the file ``copy_of``. Raises StorageError.
        """
        self.path = path
        self.clock = clock
        self.notice = notice
        """What the user should know about the file, once; None when there is nothing."""
        self._unsaved_because = unsaved_because
        self._failure: StorageError | None = None
        self._database = Database(path)
        if copy_of is not None:
            self._database.take_in(copy_of)
        self._search = Search(self._database)
        self._open: weakref.WeakValueDictionary[str, Chat] = weakref.WeakValueDictionary()
        self._pending: dict[str, Chat] = {}
        """The chats with something that could not be saved."""
        self._undo: list[tuple[Undone, Callable[[], None]]] = []
        self._mark_interrupted()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def failure(self) -> StorageError | None:
        """Why chats are not being saved; None while they are, or are not meant to be.

        The same object until it is over, so that it is told once.
        """
        return self._unsaved_because or self._failure

    @property
    def is_ephemeral(self) -> bool:
        """Whether chats are kept in memory alone because that was asked for."""
        return self.path is None and self._unsaved_because is None

    def close(self) -> None:
        """Try once more to save what could not be saved, and close the file."""
        for chat in list(self._pending.values()):
            self.save(chat)
        self._undo.clear()
        self._database.close()

    # Chats ---------------------------------------------------------------------------------------

    def new_chat(self, settings: ChatSettings | None = None) -> Chat:
        """Return an empty chat; it is in the file once something is said in it."""
        chat = Chat(self, _new_id(), datetime.now(UTC), settings=settings)
        self._open[chat.id] = chat
        return chat

    def chat(self, chat_id: str) -> Chat:
        """Return a chat as it is now. Raises UsageError when there is none of this id."""
        kept = self._open.get(chat_id)
        if kept is not None and not kept.deleted and (kept.unsaved or kept.writing):
            return kept
        heading = self._database.rows(rows.CHAT, (chat_id,))
        if not heading:
            raise UsageError(f"There is no chat {chat_id}: `medusa-chat chats` lists them.")
        messages = self._database.rows(rows.MESSAGES, (chat_id,))
        with self._database.failures_in_words():
            chat = rows.chat_of(self, heading[0], messages)
        if kept is not None:
            kept.take_over(chat)
            return kept
        self._open[chat_id] = chat
        return chat

    def take_in(self, copy: ChatCopy, *, as_new: bool = False) -> Chat:
        """Save a chat that was exported, under its id or, ``as_new``, another, and return it.

        Raises StorageError; then nothing of it is kept.
        """
        chat = Chat(
            self,
            _new_id() if as_new else copy.id,
            copy.created,
            title=copy.title,
            renamed=copy.renamed,
            changed=copy.changed,
            settings=copy.settings,
        )
        with self._database.transaction() as connection:
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
            chat.tree = copy.tree.renumbered(max(last, new_message_id()))
            rows.write(connection, chat)
        self._open[chat.id] = chat
        return chat

    def has(self, chat_id: str) -> bool:
        """Tell whether there is a chat of this id."""
        return bool(self._database.rows(rows.CHAT, (chat_id,)))

    def last(self) -> ChatSummary | None:
        """Return the chat in which something was said last; None when there is none."""
        return next(iter(self.chats(limit=1)), None)

    def chats(self, search: str = "", limit: int | None = None) -> list[ChatSummary]:
        """Return the chats, the one in which something was said last first.

        With a ``search`` those whose title, or one message, has all of its words.
        """
        terms = terms_of(search)
        found = self._search.messages(search.split()) if terms else {}
        summaries: list[ChatSummary] = []
        for chat_id, title in self._database.rows(
            "SELECT id, title FROM chat ORDER BY changed DESC, id"
        ):
            if len(summaries) == limit:
                break
            flat = folded(title)
            if chat_id in found or all(term in flat for term in terms):
                summaries.append(self._summary(chat_id, found.get(chat_id), terms))
        return summaries

    def find(self, reference: str) -> ChatSummary:
        """Return the one chat that ``reference`` means: its id, the beginning of it, or a part of
        its title. Raises UsageError when it means none or several.
        """
        chats = self.chats()
        wanted = folded(reference.strip())
        exact = [chat for chat in chats if wanted in (chat.id, folded(chat.title))]
        matching = exact or [
            chat for chat in chats if chat.id.startswith(wanted) or wanted in folded(chat.title)
        ]
        if not wanted or not matching:
            raise UsageError(f"No chat is called {reference!r}: `medusa-chat chats` lists them.")
        if len(matching) > 1:
            some = ", ".join(f"{chat.id} ({chat.title})" for chat in matching[:3])
            more = ", …" if len(matching) > 3 else ""
            raise UsageError(
                f"{reference!r} may mean {len(matching)} chats: {some}{more}\nGive the id of one."
            )
        return matching[0]

    def prompts(self, limit: int = 1000) -> list[str]:
        """Return the prompts that were sent in any chat, the latest first, none of them twice."""
        found = self._database.rows(
            "SELECT content FROM message WHERE role = 'user'"
            " GROUP BY content ORDER BY max(created) DESC, max(id) DESC LIMIT ?",
            (limit,),
        )
        return [content for (content,) in found]

    def rename(self, chat_id: str, name: str) -> None:
        """Give a chat a title that stays. Raises UsageError when there is none of this id."""
        self.chat(chat_id).rename(name)

    def delete(self, chat_id: str) -> None:
        """Delete a chat; until the store is closed it can be undone. Raises UsageError when there
        is none of this id, and StorageError when it cannot be deleted.
        """
        chat = self.chat(chat_id)
        with self._database.transaction() as connection:
            rows.delete(connection, chat_id)
        chat.deleted = True
        self._pending.pop(chat_id, None)
        self.remember("the deletion of the chat", chat_id, chat.save_whole)

    def undo(self) -> Undone | None:
        """Undo the last deletion, renaming, edit or second reply; None when there is none."""
        while self._undo:
            undone, action = self._undo.pop()
            is_gone = undone.chat_id in self._open and self._open[undone.chat_id].deleted
            if not is_gone or undone.what == "the deletion of the chat":
                action()
                return undone
        return None

    # What open chats ask -------------------------------------------------------------------------

    def save(self, chat: Chat) -> None:
        """Save what is new in a chat, or take note that it cannot be saved."""
        if chat.deleted or not chat.unsaved or (chat.is_empty and not chat.unsaved.removed):
            return
        try:
            with self._database.transaction() as connection:
                rows.write(connection, chat)
        except StorageError as error:
            self._pending[chat.id] = chat
            if self._failure is None:
                self._failure = error
                self._database.be_patient(patient=False)
            return
        chat.unsaved.clear()
        self._pending.pop(chat.id, None)
        if self._failure is not None:
            self._failure = None
            self._database.be_patient(patient=True)
            for other in list(self._pending.values()):
                self.save(other)

    def remember(self, what: str, chat_id: str, undo: Callable[[], None]) -> None:
        """Keep how to undo a change."""
        self._undo.append((Undone(what, chat_id), undo))
        del self._undo[:-_MOST_UNDONE]

    def _summary(self, chat_id: str, found: int | None, terms: tuple[str, ...]) -> ChatSummary:
        ((title, created, changed, messages, recipe),) = self._database.rows(
            "SELECT title, created, changed,"
            " (SELECT count(*) FROM message WHERE chat_id = chat.id),"
            " (SELECT recipe FROM message WHERE chat_id = chat.id AND recipe IS NOT NULL"
            "  ORDER BY id DESC LIMIT 1) FROM chat WHERE id = ?",
            (chat_id,),
        )
        with self._database.failures_in_words():
            return ChatSummary(
                chat_id,
                title,
                rows.moment(created),
                rows.moment(changed),
                messages,
                rows.model_of(recipe),
                self._preview(chat_id, found, terms),
                found,
            )

    def _preview(self, chat_id: str, found: int | None, terms: tuple[str, ...]) -> Preview | None:
        if found is not None:
            ((content,),) = self._database.rows(
                "SELECT content FROM message WHERE id = ?", (found,)
            )
            return preview(content, terms)
        last = self._database.rows(
            "SELECT substr(content, 1, ?) FROM message WHERE chat_id = ? AND content <> ''"
            " ORDER BY id DESC LIMIT 1",
            (_PREVIEWED, chat_id),
        )
        if not last:
            return None
        from medusa_chat.conversation.reasoning import answer

        return preview(answer(last[0][0]) or last[0][0])

    def _mark_interrupted(self) -> None:
        """Give the replies whose program is gone an outcome."""
        unfinished = self._database.rows(
            "SELECT id, writer FROM message WHERE role = 'assistant' AND outcome IS NULL"
        )
        gone = [message_id for message_id, writer in unfinished if not is_writing(writer)]
        if gone:
            outcome = rows.json_of(Outcome(INTERRUPTED))
            with self._database.transaction() as connection:
                connection.executemany(
                    "UPDATE message SET outcome = ?, writer = NULL"
                    " WHERE id = ? AND outcome IS NULL",
                    [(outcome, message_id) for message_id in gone],
                )


def _new_id() -> str:
    return os.urandom(6).hex()  # as secrets does, whose import takes 5 ms of every start
