"""What was said before: the other chats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medusa_chat.errors import MedusaChatError
from medusa_chat.tui import words
from medusa_chat.tui.screens.making_room import RoomScreen

if TYPE_CHECKING:
    from medusa_chat.conversation.chat import Chat


class HistoryScreen(RoomScreen):
    """A screen around a transcript, from which other chats are opened."""

    def action_chats(self) -> None:
        """Show the chats."""
        from medusa_chat.tui.screens.chats import ChatsScreen

        screen = ChatsScreen(self._store, self._dialogue.chat.id, _exported)
        self.app.push_screen(screen, self._on_chat_chosen)

    def _on_chat_chosen(self, chosen: str | None) -> None:
        from medusa_chat.tui.screens.chats import NEW

        chat = self._dialogue.chat
        if chosen == NEW or (chosen is None and chat.deleted):
            self._enter(self._store.new_chat())
        elif chosen is not None and (chosen != chat.id or chat.deleted):
            self.open_chat(chosen)

    def open_chat(self, chat_id: str) -> None:
        """Leave this chat, which is kept, and go on with an earlier one."""
        try:
            chat = self._store.chat(chat_id)
        except MedusaChatError as error:
            self._say_error(str(error))
            return
        self._enter(chat)
        if note := words.unfinished(chat.path):
            self._transcript.say_until_reply(note)

    def _enter(self, chat: Chat) -> None:
        raise NotImplementedError

    def _say_error(self, message: str) -> None:
        raise NotImplementedError


def _exported(chat: Chat) -> Path:
    import platformdirs

    from medusa_chat.conversation.export import export

    return export(chat.conversation, Path.cwd(), platformdirs.user_documents_path())
