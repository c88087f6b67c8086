"""The bottom line: the keys that act on this screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.events import Resize

_MARGIN_CELLS = 2


class KeyHints(Footer):
    """Shows whole hints, as many as there is room for; the help lists all keys."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    def compose(self) -> ComposeResult:
        """Lay out the hints."""
        hints = list(super().compose())
        _fit(_keys(hints), self.app.size.width)
        yield from hints

    def on_resize(self, event: Resize) -> None:
        """Show more of them, or fewer."""
        _fit(_keys(self.children), event.size.width)


def _keys(widgets: Iterable[object]) -> list[FooterKey]:
    return [widget for widget in widgets if isinstance(widget, FooterKey)]


def _fit(hints: list[FooterKey], width: int) -> None:
    """Show those that fit: first the way to the help and the way back, then in their order."""
    room = width - _MARGIN_CELLS + 1
    for hint in sorted(hints, key=_rank):
        cells = cell_len(hint.key_display) + cell_len(hint.description) + 2
        hint.display = cells <= room
        room -= cells * hint.display


def _rank(hint: FooterKey) -> int:
    return 0 if hint.action == "help" else 1 if hint.key == "escape" else 2
