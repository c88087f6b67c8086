"""A question to be answered before something is done that cannot be undone, or takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Question(ModalScreen[bool]):
    """Asks; Enter says yes, Esc says no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Yes", priority=True),
        Binding("escape,n", "answer(False)", "No", priority=True),
    ]

    def __init__(self, title: str, text: str, *, yes: str, no: str = "leave it") -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = Content.assemble(
            ("Enter", "bold $text-primary"),
            f"  {yes}     ",
            ("Esc", "bold $text-primary"),
            f"  {no}",
        )

    def compose(self) -> ComposeResult:
        """Lay out the question and its two answers."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._text)))
            yield Static(self._choices, classes="choices")

    def on_mount(self) -> None:
        """Give it its title."""
        self.query_one(".dialog").border_title = Content(printable(self._title))

    def action_answer(self, answer: bool) -> None:
        """Close with this answer."""
        self.dismiss(answer)
