"""Asks which model heads belong to that do not say so themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from medusa_chat.printable import printable
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from textual.app import ComposeResult

_TEXT = (
    "{reason}\n\nHeads alone are loaded with the model that they were trained for. Their card says "
    "which one that is. It is remembered."
)


class BaseScreen(ModalScreen[str | None]):
    """Closes with the base, a Hub id or a folder, or with None when the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", priority=True)
    ]

    def __init__(self, reason: str) -> None:
        """Prepare the question; ``reason`` says why it is asked."""
        super().__init__()
        self._text = _TEXT.format(reason=printable(reason))
        self._input = LineInput(placeholder="owner/name on the Hub, or a folder", id="base")

    def compose(self) -> ComposeResult:
        """Lay out the question and the place for the name."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._text))
            yield self._input
            yield Static(Content("Enter takes it · Esc goes back"), classes="choices")

    def on_mount(self) -> None:
        """Be ready for the name."""
        self.query_one(".dialog").border_title = "The base of these heads"
        self._input.focus()

    def on_input_submitted(self) -> None:
        """Close with the name."""
        name = self._input.value.strip()
        if name:
            self.dismiss(name)
