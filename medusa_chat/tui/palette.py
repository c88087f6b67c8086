"""The command palette's entries. Titles of chats are what users wrote: text, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Provider

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from textual.command import Hits

_MATCHED = "bold underline"


class ActionProvider(Provider):
    """Finds what the application offers as system commands, by name."""

    async def discover(self) -> Hits:
        """Offer everything."""
        for title, does, callback, _ in self.app.get_system_commands(self.screen):
            name = printable(title)
            yield DiscoveryHit(Text(name), callback, text=name, help=does)

    async def search(self, query: str) -> Hits:
        """Offer what matches, the letters that do being marked."""
        matcher = self.matcher(query)
        for title, does, callback, _ in self.app.get_system_commands(self.screen):
            name = printable(title)
            score, places = matcher.fuzzy_search.match(query, name)
            if score > 0:
                shown = Text(name)
                for place in places:
                    shown.stylize(_MATCHED, place, place + 1)
                yield Hit(score, shown, callback, text=name, help=does)
