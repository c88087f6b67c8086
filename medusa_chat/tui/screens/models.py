"""The models: what is here, what can be had, what this machine can run; fetch, remove, load."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Static

from medusa_chat.errors import HubError, MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.settings import ModelSettings
from medusa_chat.tui.background import in_background
from medusa_chat.tui.commands import MODELS_COMMANDS
from medusa_chat.tui.model_row import ModelRow
from medusa_chat.tui.offer import offer
from medusa_chat.tui.screens.question import Question
from medusa_chat.tui.screens.token import TokenScreen
from medusa_chat.tui.supply import as_asked
from medusa_chat.tui.widgets.key_hints import KeyHints
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from medusa_chat.engine.protocol import Loaded
    from medusa_chat.library.catalog import Entry
    from medusa_chat.models.memory import Choice
    from medusa_chat.tui.supply import Catalog, Supply

_COLUMNS = ("Model", "State", "Size", "Fit", "Speed-up")
_NARROWEST_NAME = 16
_REFRESH_SECONDS = 1 / 4


class _Table(DataTable[Content]):
    """Names its Enter, which would hide the screen's, at the foot."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Load")]

    class Sized(Message):
        """The table has another size, which it may get behind a dialog too."""

    def on_resize(self) -> None:
        """Tell of it."""
        self.post_message(self.Sized())


class ModelsScreen(Screen[ModelSettings | None]):
    """A table of models and the details of one; closes with what is to be loaded, or None."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (112, "-wide"),
    ]
    OWN_COMMANDS = MODELS_COMMANDS
    BINDINGS: ClassVar[list[BindingType]] = [
        command.binding(priority=False) for command in MODELS_COMMANDS
    ]

    def __init__(self, supply: Supply, model: ModelSettings, loaded: Loaded | None = None) -> None:
        """Show what ``supply`` can bring; ``model`` is the chat's, ``loaded`` or not."""
        super().__init__()
        self._supply = supply
        self._model = model
        self._loaded = loaded
        self._catalog: Catalog | None = None
        self._rows: dict[str, ModelRow] = {}
        self._refusals: dict[str, HubError] = {}
        self._choices: dict[str, Choice] = {}
        self._machine = Static(Content("looking at this machine…"), id="machine")
        self._filter = LineInput(placeholder="filter, or owner/name of any model on the Hub")
        self._table = _Table(cursor_type="row", zebra_stripes=False)
        self._details = Static(Content(), id="model-details")

    def compose(self) -> ComposeResult:
        """Lay out the table and the details beside or below it."""
        yield self._machine
        yield self._filter
        with Horizontal(id="models"):
            with Vertical(id="models-list"):
                yield self._table
            with VerticalScroll(id="models-side"):
                yield self._details
        yield KeyHints()

    def on_mount(self) -> None:
        """Look at what is here, and keep up with the downloads."""
        self._table.add_columns(*_COLUMNS)
        self._table.focus()
        self.set_interval(_REFRESH_SECONDS, self._refresh)
        self._look()

    @work(exclusive=True, group="catalog")
    async def _look(self) -> None:
        """Read the cache anew, and show what it holds."""
        try:
            in_use_bytes = (self._loaded.memory_bytes or 0) if self._loaded else 0
            self._catalog = await in_background(self._supply.hub.catalog, self._model, in_use_bytes)
        except MedusaChatError as error:
            self._machine.update(Content.styled(printable(str(error)), "$text-error"))
            return
        self._machine.update(Content(printable(f"Models · {self._catalog.machine}")))
        for notice in self._catalog.notices:
            self.notify(printable(notice), severity="warning", markup=False)
        self._fill()

    # The table -----------------------------------------------------------------------------------

    def _wanted(self) -> list[ModelRow]:
        """Return the rows that the filter lets through.

        An unlisted name is a row of its own, and so is what was begun since the cache was read.
        """
        assert self._catalog is not None
        words = self._filter.value.strip()
        entries = [entry for entry in self._catalog.entries if _matches(entry, words)]
        if words and not any(entry.name == words for entry in entries):
            unlisted = self._supply.hub.unlisted(words)
            entries += [unlisted] if unlisted else []
        shown = {entry.name for entry in (*entries, *self._catalog.entries)}
        begun = (name for name in self._supply.downloads.models if name not in shown)
        others = [entry for name in begun if (entry := self._supply.hub.unlisted(name))]
        entries += [entry for entry in others if _matches(entry, words)]
        return [
            ModelRow(
                entry,
                self._choice(entry),
                in_use=self._loaded is not None and entry.name == self._model.model,
                progress=self._supply.downloads.progress_of(entry.name),
                refusal=self._refusal(entry.name),
            )
            for entry in entries
        ]

    def _choice(self, entry: Entry) -> Choice | None:
        """Return how a model would be loaded: as chosen, else as it is, else as it fits best."""
        chosen = self._choices.get(entry.name)
        if chosen is None and entry.name == self._model.model:
            chosen = as_asked(entry.choices, self._model)
        return chosen or entry.best or next(iter(entry.choices), None)

    def _refusal(self, name: str) -> HubError | None:
        return self._supply.downloads.failures.get(name) or self._refusals.get(name)

    def _fill(self) -> None:
        """Put the rows into the table, the cursor staying on its model."""
        chosen = self._chosen.name if self._chosen else self._model.model
        self._rows = {row.name: row for row in self._wanted()}
        self._table.clear()
        for row in self._rows.values():
            self._table.add_row(*row.cells, key=row.name)
        self._fit_columns()
        if chosen in self._rows:
            self._table.move_cursor(row=self._table.get_row_index(chosen))
        self._show_details()

    def _refresh(self) -> None:
        """Bring the rows up to date with the downloads, without moving anything."""
        if self._catalog is None:
            return
        fresh = {row.name: row for row in self._wanted()}
        if fresh.keys() != self._rows.keys():
            self._fill()
            return
        ended = False
        for name, row in fresh.items():
            old = self._rows[name]
            if row == old:
                continue
            ended = ended or (old.state == "downloading" and row.state != "downloading")
            for column, cell in zip(self._table.columns, row.cells, strict=True):
                self._table.update_cell(name, column, cell)
        self._rows = fresh
        self._fit_columns()
        self._show_details()
        if ended:
            self._look()

    def _fit_columns(self) -> None:
        """Make the columns as wide as what stands in them, the first giving way to the others."""
        lines = [(Content(label) for label in _COLUMNS), *(r.cells for r in self._rows.values())]
        widths = [max(cell.cell_length for cell in column) for column in zip(*lines, strict=True)]
        padding = 2 * self._table.cell_padding * len(widths)
        room = (
            self._table.size.width - padding - sum(widths[1:]) - self._table.scrollbar_size_vertical
        )
        widths[0] = max(_NARROWEST_NAME, min(widths[0], room))
        for column, width in zip(self._table.ordered_columns, widths, strict=True):
            column.auto_width, column.width = False, width
        for name, row in self._rows.items():
            title = row.cells[0].truncate(widths[0], ellipsis=True)
            self._table.update_cell(name, self._table.ordered_columns[0].key, title)
        self._table.refresh(layout=True)

    def on__table_sized(self) -> None:
        """Fit the columns to the new width."""
        if self._table.columns:
            self._fit_columns()

    @property
    def _chosen(self) -> ModelRow | None:
        """The row under the cursor."""
        if not self._table.is_valid_coordinate(self._table.cursor_coordinate):
            return None
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
        return None if key is None else self._rows.get(key)

    def _show_details(self) -> None:
        row = self._chosen
        self._details.update(Content("Nothing matches.") if row is None else row.details)

    def on_data_table_row_highlighted(self) -> None:
        """Show the details of the model under the cursor."""
        self._show_details()

    def on_data_table_row_selected(self) -> None:
        """Take Enter in the table as on the screen."""
        self.action_use()

    def on_input_changed(self) -> None:
        """Filter as the user types."""
        if self._catalog is not None:
            self._fill()

    def on_input_submitted(self) -> None:
        """Go from the filter to what it found."""
        self._table.focus()

    # What the user does --------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Go to the filter."""
        self._filter.focus()

    def action_back(self) -> None:
        """Leave the filter, then the screen."""
        if self._filter.has_focus or self._filter.value:
            self._filter.value = ""
            self._table.focus()
        else:
            self.dismiss(None)

    def action_bits(self) -> None:
        """Choose the next precision of the weights for this model."""
        row = self._chosen
        if row is not None and row.choice is not None:
            choices = row.entry.choices
            place = (choices.index(row.choice) + 1) % len(choices)
            self._choices[row.name] = choices[place]
            self._refresh()

    def action_use(self) -> None:
        """Load a model that is here; fetch one that is not."""
        row = self._chosen
        if row is None:
            return
        if not row.is_here:
            self.action_fetch()
            return
        self.dismiss(self._settings_of(row))

    def _settings_of(self, row: ModelRow) -> ModelSettings:
        """Return how a model would be loaded."""
        settings = self._model  # with its base, its context and its template
        if row.in_use and row.name not in self._choices:
            return settings
        if row.name != self._model.model:
            settings = ModelSettings(model=row.name, device=self._model.device)
        if row.choice is None:
            return settings
        return dataclasses.replace(
            settings, quantization=row.choice.quantization, dtype=row.choice.dtype
        )

    def action_fetch(self) -> None:
        """Begin a download, after it has been shown and agreed to; let a paused one go on."""
        row = self._chosen
        if row is None or row.is_here or row.state == "downloading":
            return
        progress = self._supply.downloads.progress_of(row.name)
        if progress is not None and progress.state == "paused":
            self._supply.downloads.resume(row.name)
        else:
            self._ask_and_fetch(row)

    @work(exclusive=True, group="fetch")
    async def _ask_and_fetch(self, row: ModelRow, doubt: str = "") -> None:
        """Ask the Hub, then the user, who in ``doubt`` of the base is to name it before."""
        name = row.name
        self._refusals.pop(name, None)
        self._supply.downloads.failures.pop(name, None)
        self._details.update(Content(f"Asking the Hub for {printable(name)}…"))
        try:
            here = await offer(self.app, self._supply, self._settings_of(row), doubt)
        except MedusaChatError as error:
            self._refuse(name, error)
            return
        if here is None:
            self._look()
        else:
            self.dismiss(here)

    def _refuse(self, name: str, error: MedusaChatError) -> None:
        if not isinstance(error, HubError):
            error = HubError(str(error), "server", name)
        self._refusals[name] = error
        self._refresh()

    def action_pause(self) -> None:
        """Pause the download, or let it go on."""
        row = self._chosen
        if row is None:
            return
        if row.state == "downloading":
            self._supply.downloads.pause(row.name)
        elif row.state == "paused":
            self._supply.downloads.resume(row.name)

    @work(exclusive=True, group="cancel")
    async def action_cancel(self) -> None:
        """Give up a download and remove what came of it."""
        row = self._chosen
        if row is None or row.state not in ("downloading", "paused", "partial"):
            return
        if row.progress is None:  # it was begun by an earlier run, or by another program
            self.action_remove()
            return
        text = f"Give up the download of {row.name}? What came of it is removed."
        if await self.app.push_screen_wait(Question("Cancel", text, yes="give it up")):
            self._supply.downloads.cancel(row.name)
            self._look()

    @work(exclusive=True, group="remove")
    async def action_remove(self) -> None:
        """Remove a model from the disk, after saying what that frees."""
        row = self._chosen
        if row is None or row.state == "downloading":
            return
        if row.in_use:
            self.notify("This model is in use: load another one first.", markup=False)
            return
        try:
            removal = await in_background(self._supply.hub.removal, row.name)
        except MedusaChatError as error:
            self._refuse(row.name, error)
            return
        if await self.app.push_screen_wait(Question("Remove", removal.words, yes="remove it")):
            try:
                await in_background(removal.execute)
            except (MedusaChatError, OSError) as error:
                self._refuse(row.name, MedusaChatError(f"{row.name} was not removed: {error}"))
            self._look()

    def action_base(self) -> None:
        """Name the base of heads, also in place of another one."""
        row = self._chosen
        if row is None or row.state in ("downloading", "paused"):
            return
        if row.entry.listed or not (row.entry.needs_base or row.entry.base):
            self.notify("Only heads alone have a base that can be named.", markup=False)
            return
        base = row.entry.base
        self._ask_and_fetch(row, f"So far the base of {row.name} is {base or 'not known'}.")

    @work(exclusive=True, group="token")
    async def action_token(self) -> None:
        """Take a token for the Hub, and try again with it what was refused."""
        row = self._chosen
        if row is None:
            return
        refusal = self._refusal(row.name)
        screen = TokenScreen(
            str(refusal) if refusal else "Some models are given only to those who ask.",
            self._supply.hub.licence_page(refusal.repository if refusal else row.name),
            self._supply.hub.save_token,
        )
        if await self.app.push_screen_wait(screen) and refusal is not None:
            self._ask_and_fetch(row)


def _matches(entry: Entry, words: str) -> bool:
    """Tell whether every word of a filter occurs in what names the model."""
    text = " ".join((entry.name, entry.title, entry.base or "", *entry.aliases)).lower()
    return all(word in text for word in words.lower().split())
