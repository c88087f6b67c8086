"""Finds a prompt among those that were sent in any chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from medusa_chat.printable import printable
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_MOST = 100


class EarlierScreen(ModalScreen[str]):
    """Lists the prompts that have all the words that are written; Enter takes one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", priority=True),
        Binding("enter", "take", "Take", priority=True),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
    ]

    def __init__(self, prompts: Sequence[str]) -> None:
        """Offer these prompts, the latest first."""
        super().__init__()
        self._prompts = prompts
        self._found: list[str] = []
        self._input = LineInput(placeholder="Words of the prompt")
        self._list = OptionList(id="earlier")
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """Lay out the words and the list."""
        with Vertical(classes="dialog wide"):
            yield self._input
            yield self._list
            yield Static(Content("Enter takes it into the prompt, Esc leaves"), classes="choices")

    def on_mount(self) -> None:
        """List them all."""
        self.query_one(".dialog").border_title = "Earlier prompts"
        self._input.focus()
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """List those with these words."""
        self._show(event.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the one that was clicked."""
        self.dismiss(self._found[event.option_index])

    def action_move(self, direction: int) -> None:
        """Go up (-1) or down (1) in the list."""
        if direction > 0:
            self._list.action_cursor_down()
        else:
            self._list.action_cursor_up()

    def action_take(self) -> None:
        """Take the prompt that the bar is on."""
        if self._list.highlighted is not None:
            self.dismiss(self._found[self._list.highlighted])

    def _show(self, text: str) -> None:
        words = text.casefold().split()
        matching = (one for one in self._prompts if all(w in one.casefold() for w in words))
        self._found = [one for one, _ in zip(matching, range(_MOST), strict=False)]
        self._list.clear_options()
        self._list.add_options(
            [Option(Content(" ".join(printable(one).split()))) for one in self._found]
        )
        self._list.highlighted = 0 if self._found else None
