"""The conversations on disk as far as they can be had: a chat goes on without them, unsaved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.conversation.journal import Journal
from medusa_chat.conversation.store import FILE_NAME, Entry, Store
from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Archive:
    """Opens the store when a conversation begins, and again after a failure."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        """Keep conversations in this folder, which is asked for when it is needed."""
        self._folder = folder
        self._store: Store | None = None
        self._journal: Journal | None = None

    def begin(self) -> Journal:
        """Return a new conversation. If it cannot be saved, its ``failure`` says why."""
        failure = None
        if self._store is None or (self._journal is not None and self._journal.failure):
            failure = self._open()
        self._journal = Journal(self._store, failure=failure)
        return self._journal

    def resume(self, conversation_id: int) -> Journal:
        """Return an earlier conversation. Raises MedusaChatError when it cannot be read."""
        if self._store is None:
            raise MedusaChatError("Earlier chats cannot be opened: none could be read.")
        self._journal = Journal.of(self._store, conversation_id)
        return self._journal

    def recent(self, limit: int) -> list[Entry]:
        """Return the latest conversations; none when they cannot be read."""
        return [] if self._store is None else self._store.recent(limit)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _open(self) -> MedusaChatError | None:
        self.close()
        try:
            self._store = Store(self._folder() / FILE_NAME)
        except MedusaChatError as error:
            return error
        except OSError as error:
            return MedusaChatError(f"The folder of the conversations cannot be made: {error}.")
        return None
