"""The settings: what holds now, who said so, and how to change it, for this chat or for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from medusa_chat.configuration.fields import FIELDS, Field, Value, written
from medusa_chat.errors import MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from textual.app import ComposeResult

_NAME_COLUMNS = 20
_VALUE_COLUMNS = 24
_KEYS = (
    ("Enter", "change"),
    ("Del", "take back"),
    ("k", "keep for all chats"),
    ("Esc", "close"),
)


class Settable(Protocol):
    """What the screen shows and changes."""

    def value_of(self, field: Field) -> object:
        """Return what holds now."""
        ...

    def source_of(self, field: Field) -> str:
        """Return who said so, in words."""
        ...

    def set_value(self, field: Field, value: Value | None) -> None:
        """Change it; None takes it back. Raises MedusaChatError."""
        ...

    def keep(self, field: Field) -> None:
        """Write what holds now into the settings file. Raises MedusaChatError."""
        ...


class SettingsScreen(ModalScreen[None]):
    """A list of all settings. A choice goes on to its next one; anything else is written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", priority=True),
        Binding("delete,backspace", "take_back", "Take back"),
        Binding("k", "keep", "Keep"),
    ]

    def __init__(self, settings: Settable, file: str) -> None:
        """Show these settings; ``file`` is where they are kept."""
        super().__init__()
        self._settings = settings
        self._file = file
        self._list = OptionList(id="settings")
        self._about = Static(Content(), id="setting-about")
        self._input = LineInput(id="setting-value")
        self._input.display = False

    def compose(self) -> ComposeResult:
        """Lay out the list, what the chosen setting means, and where its value is written."""
        with Vertical(classes="dialog wide", id="settings-dialog"):
            yield self._list
            yield self._about
            yield self._input
            yield Static(
                Content("   ").join(
                    Content.assemble((key, "bold $text-primary"), f" {does}") for key, does in _KEYS
                ),
                classes="choices",
            )

    def on_mount(self) -> None:
        """Fill in the list."""
        dialog = self.query_one(".dialog")
        dialog.border_title = "Settings"
        dialog.border_subtitle = Content(printable(self._file))
        self._list.add_options([Option(self._line(field)) for field in FIELDS])
        self._list.highlighted = 0
        self._list.focus()

    def on_option_list_option_highlighted(self) -> None:
        """Say what the setting means."""
        self._say(self._field.does + ".")

    def on_option_list_option_selected(self) -> None:
        """Change the setting: go on to the next choice, or have the value written."""
        field = self._field
        if field.kind is bool:
            self._change(not self._settings.value_of(field))
        elif field.choices:
            now = str(self._settings.value_of(field))
            following = field.choices.index(now) + 1 if now in field.choices else 0
            self._change(field.choices[following % len(field.choices)])
        else:
            self._input.value = written(self._settings.value_of(field)).removeprefix("-")
            self._input.display = True
            self._input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the value that was written; nothing takes it back."""
        text = event.value.strip()
        try:
            value = self._field.read(text) if text else None
        except MedusaChatError as error:
            self._say(str(error))
            return
        if self._change(value):
            self._leave_input()

    def action_back(self) -> None:
        """Leave the value as it was, else close."""
        if self._input.display:
            self._leave_input()
        else:
            self.dismiss()

    def action_take_back(self) -> None:
        """Have the setting be what it is without what was set here."""
        self._change(None)

    def action_keep(self) -> None:
        """Keep what holds now for all chats, in the file."""
        try:
            self._settings.keep(self._field)
        except MedusaChatError as error:
            self._say(str(error))
            return
        self._show()
        self._say(f"Kept for all chats in {self._file}.")

    @property
    def _field(self) -> Field:
        return FIELDS[self._list.highlighted or 0]

    def _change(self, value: Value | None) -> bool:
        try:
            self._settings.set_value(self._field, value)
        except MedusaChatError as error:
            self._say(str(error))
            return False
        self._show()
        self._say(self._field.does + ".")
        return True

    def _leave_input(self) -> None:
        self._input.display = False
        self._list.focus()

    def _say(self, text: str) -> None:
        self._about.update(Content(printable(text)))

    def _show(self) -> None:
        for index, field in enumerate(FIELDS):
            self._list.replace_option_prompt_at_index(index, self._line(field))

    def _line(self, field: Field) -> Content:
        value = " ".join(printable(written(self._settings.value_of(field))).split())
        if len(value) > _VALUE_COLUMNS - 1:
            value = value[: _VALUE_COLUMNS - 2] + "…"
        source = self._settings.source_of(field)
        return Content.assemble(
            f"{field.command:<{_NAME_COLUMNS}}",
            (f"{value:<{_VALUE_COLUMNS}}", "bold $text-primary" if source != "default" else ""),
            (source, "$text-muted"),
        )
