"""The way into a gated model: its licence page, and a place for a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from medusa_chat.errors import MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.tui.background import in_background
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

_TEXT = """\
{reason}

1. Read and accept its licence: {page}
   Ctrl+L opens the page in a browser, where there is one.
2. Make a token that may read, in your account's settings there.
3. Paste it here. It is kept where the Hub's own tools keep theirs."""


class TokenScreen(ModalScreen[bool]):
    """Asks for a token and has it checked; closes with True once one is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Back", priority=True),
        Binding("ctrl+l", "open_page", "Licence", priority=True),
    ]

    def __init__(self, reason: str, page: str, save: Callable[[str], str]) -> None:
        """Prepare the question; ``save`` checks and keeps a token and returns its account."""
        super().__init__()
        self._page = page
        self._text = _TEXT.format(reason=reason, page=page)
        self._save = save
        self._input = LineInput(placeholder="hf_…", password=True, id="token")
        self._state = Static(Content(), classes="choices")

    def compose(self) -> ComposeResult:
        """Lay out the steps and the place for the token."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._text)))
            yield self._input
            yield self._state

    def on_mount(self) -> None:
        """Be ready for the token."""
        self.query_one(".dialog").border_title = "A token for the Hub"
        self._say("Enter checks it at the Hub · Esc goes back")
        self._input.focus()

    def on_input_submitted(self) -> None:
        """Have the token checked."""
        token = self._input.value.strip()
        if token:
            self._say("checking…")
            self._check(token)

    def action_open_page(self) -> None:
        """Open the licence in a browser."""
        self.app.open_url(self._page)

    @work(exclusive=True)
    async def _check(self, token: str) -> None:
        try:
            account = await in_background(self._save, token)
        except MedusaChatError as error:
            self._say(str(error), failed=True)
        else:
            self.app.notify(f"The token of {printable(account)} is kept.", markup=False)
            self.dismiss(True)

    def _say(self, text: str, *, failed: bool = False) -> None:
        style = "$text-error" if failed else "$text-muted"
        self._state.update(Content.styled(printable(text), style))
