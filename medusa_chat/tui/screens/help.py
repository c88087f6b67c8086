"""The list of keys and commands."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from medusa_chat.tui.commands import (
    APP_COMMANDS,
    CHAT_COMMANDS,
    PROMPT_KEYS,
    Command,
    keys_of,
    spelled,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult

_KEY_COLUMNS = 15
_NAME_COLUMNS = 20
_WIDE = 100
_NARROW = 32


class HelpScreen(ModalScreen[None]):
    """Shows every key; any of the usual ones closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "dismiss", "Close", priority=True)
    ]

    def __init__(
        self, first: Sequence[Command] = (), keymap: Mapping[str, str] | None = None
    ) -> None:
        """List ``first``, those of the screen that is open, before those of the chat; where the
        user has other keys, ``keymap`` has them by the command's name.
        """
        super().__init__()
        self._first = first
        self._keymap = keymap or {}

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with VerticalScroll(classes="dialog wide"):
            yield Static(self._list(_WIDE))

    def on_mount(self) -> None:
        """Give the list its title."""
        self.query_one(".dialog").border_title = "Keys and commands"

    def on_resize(self) -> None:
        """Wrap what commands do beside their names, not under them."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self.query_one(".dialog Static", Static).update(
            self._list(self.query_one(".dialog", VerticalScroll).scrollable_content_region.width)
        )

    def _list(self, columns: int) -> Content:
        commands = [*self._first, *CHAT_COMMANDS, *APP_COMMANDS]
        rows = [(spelled(key), "", does) for key, does in PROMPT_KEYS]
        rows += [(keys_of(one, self._keymap), written(one), one.does) for one in commands]
        rows.append(("Ctrl+P", "", "Find an action or an earlier chat by name"))
        before = _KEY_COLUMNS + _NAME_COLUMNS
        lines = []
        # In a narrow terminal what a command does stands under its name.
        indent = before if columns - before >= _NARROW else 2
        for keys, name, does in rows:
            wrapped = textwrap.wrap(does, max(_NARROW, columns) - indent)
            lines.append(
                Content.assemble(
                    (keys.ljust(_KEY_COLUMNS), "bold $text-primary"),
                    (name.ljust(_NAME_COLUMNS), "$text-secondary"),
                    "" if indent == before else f"\n{' ' * indent}",
                    f"\n{' ' * indent}".join(wrapped),
                )
            )
        return Content("\n").join(lines)
