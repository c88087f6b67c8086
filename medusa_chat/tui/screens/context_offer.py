"""Offers what can be done when a conversation is too long for the model; nothing is cut unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from textual.app import ComposeResult

Room = Literal["drop", "summarise", "new"]


class ContextOffer(ModalScreen[Room | None]):
    """Closes with what the user chose; None leaves it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave it", priority=True)
    ]

    def __init__(self, why: str, messages: int, *, asks: bool) -> None:
        """Say ``why``; ``messages`` can be left out, and ``asks`` tells if a prompt waits."""
        super().__init__()
        what = "two oldest messages" if messages == 2 else f"{messages} oldest messages"
        self._why = why
        self._options = OptionList(
            Option(f"Send the {what} no longer; they stay in the chat", id="drop"),
            Option("Have the model sum them up, and send the summary instead", id="summarise"),
            Option("Ask it in a new chat" if asks else "Begin a new chat", id="new"),
        )

    def compose(self) -> ComposeResult:
        """Lay out the reason and the choices."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._why))
            yield self._options
            yield Static(Content("Enter takes one · Esc leaves it as it is"), classes="choices")

    def on_mount(self) -> None:
        """Give it its title."""
        self.query_one(".dialog").border_title = "The context is full"
        self._options.focus()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Close with the choice."""
        chosen = message.option.id
        self.dismiss("drop" if chosen == "drop" else "new" if chosen == "new" else "summarise")
