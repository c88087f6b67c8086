"""The list of suggestions over the prompt. The focus stays in the prompt, which moves in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from medusa_chat.tui.completion import Offer, Suggestion

_SHOWN_COLUMNS = 22


class Suggestions(OptionList, can_focus=False):
    """Hidden while there is nothing to suggest."""

    def __init__(self) -> None:
        super().__init__(id="suggestions", compact=True)
        self.display = False
        self._offer: Offer | None = None

    @property
    def offer(self) -> Offer | None:
        """What is suggested; None while the list is hidden."""
        return self._offer

    @property
    def chosen(self) -> Suggestion | None:
        """The suggestion that the bar is on."""
        if self._offer is None or self.highlighted is None:
            return None
        return self._offer.suggestions[self.highlighted]

    def show(self, offer: Offer | None) -> None:
        """Suggest this; hide the list when there is nothing."""
        if offer == self._offer:
            return
        self._offer = offer
        self.display = offer is not None
        if offer is not None:
            self.clear_options()
            self.add_options([Option(_line(one)) for one in offer.suggestions])
            self.highlighted = 0

    def move(self, direction: int) -> None:
        """Move the bar up (-1) or down (1)."""
        if direction > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()


def _line(suggestion: Suggestion) -> Content:
    shown = printable(suggestion.shown)
    if not suggestion.hint:
        return Content(shown)
    return Content.assemble(
        (shown.ljust(_SHOWN_COLUMNS), "$text-primary"), (f" {suggestion.hint}", "$text-muted")
    )
