"""How a reply is decoded and what the screen looks like: who said so, and who has the last word.

The command line wins, then what is set in the chat, then the settings file, then the defaults.
What is set while the program runs is the last word on all of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medusa_chat.configuration.fields import FIELDS, Field, Value, default_of
from medusa_chat.configuration.file import Configuration
from medusa_chat.errors import UsageError

if TYPE_CHECKING:
    from medusa_chat.conversation.chat import Chat
    from medusa_chat.settings import DecodeSettings

_PER_CHAT = tuple(field.name for field in FIELDS if field.is_per_chat)


class Preferences:
    """What the user set: on the command line, in the file, and since the program began."""

    def __init__(
        self,
        file: Configuration | None = None,
        given: frozenset[str] = frozenset(),
        theme: str | None = None,
    ) -> None:
        """Take what the file says; ``given`` are the decoding settings on the command line, and
        ``theme`` is the one that it names.
        """
        self.file = file or Configuration()
        self._given = set(given)
        self._kept = {table: dict(values) for table, values in self.file.tables.items()}
        self.theme = str(theme or self._file_value("interface", "theme") or "medusa-dark")
        self.marks = str(self._file_value("interface", "marks") or "live")

    def decode(self, session: DecodeSettings, chat: Chat) -> DecodeSettings:
        """Return how the next reply of a chat is decoded.

        ``session`` is what holds for all chats: the command line over the file.
        """
        own: dict[str, Any] = {
            name: value
            for name in _PER_CHAT
            if name not in self._given and (value := getattr(chat.settings, name)) is not None
        }
        return replace(session, **own)

    def set_for_chat(self, chat: Chat, **values: object) -> None:
        """Set something for this chat from now on; None leaves it to the settings for all chats.

        Raises UsageError when the values do not go together.
        """
        self._given -= values.keys()
        changes: dict[str, Any] = values
        chat.set_settings(replace(chat.settings, **changes))

    def take_back(self, field: Field) -> None:
        """Take note that what the command line said of a setting holds no longer."""
        self._given.discard(field.name)

    def source_of(self, field: Field, chat: Chat, session: DecodeSettings) -> str:
        """Return who set what holds now, in words."""
        if field.name in self._given:
            return "command line"
        if field.is_per_chat and getattr(chat.settings, field.name) is not None:
            return "this chat"
        kept = self._file_value(field.table, field.name)
        now = getattr(session, field.name) if field.table == "decoding" else kept
        if kept is not None and now == kept:
            return "settings file"
        return "default" if now in (None, default_of(field)) else "this session"

    def kept(self, field: Field) -> object:
        """Return what the file says of a setting, else its default."""
        kept = self._file_value(field.table, field.name)
        return default_of(field) if kept is None else kept

    def keep(self, field: Field, value: Value | None) -> None:
        """Write a setting into the file, or take it out. Raises UsageError when that cannot be."""
        if self.file.path is None:
            raise UsageError(f"{field.name} is not kept: there is no settings file here.")
        from medusa_chat.configuration.saving import save

        save(self.file.path, field.table, field.name, value)
        values = self._kept.setdefault(field.table, {})
        if value is None:
            values.pop(field.name, None)
        else:
            values[field.name] = value

    def _file_value(self, table: Any, name: str) -> Value | None:
        return self._kept.get(table, {}).get(name)
