"""The top line: which model, where it runs, and whether Medusa is on."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from medusa_chat.printable import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from medusa_chat.engine.protocol import Loaded


class Header(Horizontal):
    """The model at the left, cut short if need be; Medusa's state at the right, always whole."""

    def compose(self) -> ComposeResult:
        """Lay out both sides."""
        yield Static(Content(), id="header-model")
        yield Static(Content(), id="header-medusa")

    def show_loading(self, model: str, stage: str) -> None:
        """Say what loading is busy with."""
        self._show(f"loading {_short(model)}: {stage}…")

    def show_model(self, loaded: Loaded) -> None:
        """Name the model in use."""
        parts = [_short(loaded.model), loaded.dtype, loaded.device]
        if loaded.quantization != "none":
            parts.insert(1, loaded.quantization)
        self._show(" · ".join(parts))

    def show_down(self, model: str) -> None:
        """Say that there is no engine."""
        self._show(f"{_short(model)}: not running, Ctrl+R starts it again")

    def show_medusa(self, *, on: bool) -> None:
        """Say whether the next reply is decoded with Medusa."""
        self.query_one("#header-medusa", Static).update(
            Content.styled("● Medusa on", "bold $text-success") if on else Content("○ Medusa off")
        )

    def _show(self, text: str) -> None:
        self.query_one("#header-model", Static).update(Content(printable(text)))


def _short(model: str) -> str:
    """Return a folder's own name; a name on the Hub stays whole."""
    path = PurePath(model)
    return path.name if path.is_absolute() or model.startswith((".", "~")) else model
