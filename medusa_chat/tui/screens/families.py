"""Asks, once a model, how one is spoken to that brings no chat template and has an unknown name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_TEXT = (
    "{model} has no chat template of its own, and its name tells none. With the wrong one it "
    "answers badly. Which family was it trained as? Its card says so. The choice is remembered."
)


class FamilyScreen(ModalScreen[str | None]):
    """Closes with the family chosen, or None when the user does not know."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Don't know", priority=True)
    ]

    def __init__(self, model: str, families: Sequence[str]) -> None:
        super().__init__()
        self._text = _TEXT.format(model=printable(model))
        self._options = OptionList(*(Option(family, id=family) for family in families))

    def compose(self) -> ComposeResult:
        """Lay out the families."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._text))
            yield self._options
            yield Static(
                Content("Enter takes it · Esc keeps plain User/Assistant lines"), classes="choices"
            )

    def on_mount(self) -> None:
        """Give the list its title."""
        self.query_one(".dialog").border_title = "How is it spoken to?"
        self._options.focus()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Close with the family."""
        self.dismiss(message.option.id)
