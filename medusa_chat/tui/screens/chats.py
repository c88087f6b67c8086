"""The chats: a list to look through and search, with a preview; open, rename, delete, export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from medusa_chat.conversation.conversation import one_line
from medusa_chat.conversation.preview import terms_of
from medusa_chat.errors import MedusaChatError
from medusa_chat.printable import printable
from medusa_chat.tui.chat_row import messages_text, row
from medusa_chat.tui.commands import CHATS_COMMANDS
from medusa_chat.tui.screens.question import Question
from medusa_chat.tui.widgets.key_hints import KeyHints
from medusa_chat.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from medusa_chat.conversation.chat import Chat
    from medusa_chat.conversation.conversation import ChatSummary, Message
    from medusa_chat.conversation.store import Store

NEW = ""
"""What the screen closes with when a new chat is to be begun."""
PAGE_CHATS = 60
"""So many are read at once, and so many more each time the end of the list is near."""

_NEAR_THE_END = 10
_TYPING_SECONDS = 0.15
_PREVIEW_SECONDS = 0.08
_MESSAGES_AFTER = 2
_MOST_MESSAGES = 8

_HINTS = {
    "none": "There are no chats yet. Esc goes back; what you write there is kept here.",
    "unfound": "No message and no title has all of these words.",
}


class ChatsScreen(Screen[str | None]):
    """Closes with the id of a chat to open, ``NEW``, or None to go on with the one that is open."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-wide"),
    ]
    OWN_COMMANDS = CHATS_COMMANDS
    BINDINGS: ClassVar[list[BindingType]] = [command.binding() for command in CHATS_COMMANDS]

    def __init__(self, store: Store, open_chat: str, export: Callable[[Chat], Path]) -> None:
        """List the chats of ``store``; ``export`` writes one to a file and returns its path."""
        super().__init__()
        self._store = store
        self._open_chat = open_chat
        self._export = export
        self._chats: list[ChatSummary] = []
        self._has_more = False
        self._shown: str | None = None
        self._delays: dict[str, Timer] = {}
        self._heading = Static(Content("Chats"), id="chats-heading")
        self._search = LineInput(
            placeholder="search titles and messages", id="chats-search", select_on_focus=False
        )
        self._list = OptionList(id="chats-list")
        self._title = Static(Content(), id="chat-title")
        self._title_input = LineInput(id="chat-name")
        self._preview = Static(Content(), id="chat-preview")

    def compose(self) -> ComposeResult:
        """Lay out the list and the preview beside or below it."""
        yield self._heading
        yield self._search
        with Horizontal(id="chats"):
            with Vertical(id="chats-left"):
                yield self._list
            with VerticalScroll(id="chats-side", can_focus=False):
                yield self._title
                yield self._title_input
                yield self._preview
        yield KeyHints()

    def on_mount(self) -> None:
        """Read the latest chats."""
        self._title_input.display = False
        self._list.can_focus = False
        self._search.focus()
        self._read()

    # The list ------------------------------------------------------------------------------------

    @property
    def chosen(self) -> ChatSummary | None:
        """The chat that actions are about."""
        at = self._list.highlighted
        return self._chats[at] if at is not None and at < len(self._chats) else None

    def _read(self, keep: str | None = None) -> None:
        """Read the list anew, and go to the chat ``keep`` if it is in it, else to the first."""
        chats = self._looked_up(max(PAGE_CHATS, len(self._chats)) if keep else PAGE_CHATS)
        if chats is None:
            return
        self._chats = chats
        now = datetime.now(UTC)
        self._list.clear_options()
        self._list.add_options([self._option(chat, now) for chat in chats])
        ids = [chat.id for chat in chats]
        self._list.highlighted = (ids.index(keep) if keep in ids else 0) if chats else None
        self._say_what_is_there()
        self._show_chosen()

    def _read_more(self) -> None:
        chats = self._looked_up(len(self._chats) + PAGE_CHATS)
        if chats is None:
            return
        now = datetime.now(UTC)
        known = {chat.id for chat in self._chats}
        more = [chat for chat in chats if chat.id not in known]
        self._chats += more
        self._list.add_options([self._option(chat, now) for chat in more])
        self._say_what_is_there()

    def _looked_up(self, limit: int) -> list[ChatSummary] | None:
        """Return what the search finds, up to a limit; None, and say why, when that fails."""
        try:
            found = self._store.chats(self._search.value, limit + 1)
        except MedusaChatError as error:
            self._chats, self._has_more = [], False
            self._list.clear_options()
            self._title.update(Content())
            self._preview.update(Content(printable(f"Error: {error}")))
            return None
        self._has_more = len(found) > limit
        return found[:limit]

    def _option(self, chat: ChatSummary, now: datetime) -> Option:
        return Option(row(chat, now, is_open=chat.id == self._open_chat))

    def _say_what_is_there(self) -> None:
        words = self._search.value.strip()
        count = f"{len(self._chats)}{' and more' if self._has_more else ''}"
        what = f"Chats · {count} found" if words else f"Chats · {count}"
        if self._store.failure is not None:
            what += " · not being saved"
        elif self._store.is_ephemeral:
            what += " · kept in memory alone"
        self._heading.update(Content(what))
        if not self._chats:
            self._title.update(Content())
            self._preview.update(Content(_HINTS["unfound" if words else "none"]))

    def on_input_changed(self, message: Input.Changed) -> None:
        """Search once the typing pauses."""
        if message.input is self._search:
            self._later("search", _TYPING_SECONDS, self._read)

    def on_option_list_option_highlighted(self) -> None:
        """Show the chat beside the list, and read more of them near the end."""
        self._later("preview", _PREVIEW_SECONDS, self._show_chosen)
        at = self._list.highlighted
        if self._has_more and at is not None and at >= len(self._chats) - _NEAR_THE_END:
            self.call_later(self._read_more)

    def on_option_list_option_selected(self) -> None:
        """Open the chat that was clicked."""
        self.action_open()

    def action_move(self, rows: int) -> None:
        """Go up or down in the list."""
        if self._title_input.display or not self._chats:
            return
        at = (self._list.highlighted or 0) + rows
        self._list.highlighted = min(max(at, 0), len(self._chats) - 1)

    # The chat beside it --------------------------------------------------------------------------

    def _show_chosen(self) -> None:
        summary = self.chosen
        if summary is None:
            return
        if summary.id != self._shown:
            self._end_renaming()
        self._shown = summary.id
        self._title.update(Content(one_line(summary.title)))
        try:
            messages = _around(self._store.chat(summary.id), summary.found)
        except MedusaChatError as error:
            self._preview.update(Content(printable(f"Error: {error}")))
            return
        self._preview.update(messages_text(messages, terms_of(self._search.value)))
        self.query_one("#chats-side", VerticalScroll).scroll_home(animate=False)

    # What can be done ----------------------------------------------------------------------------

    def action_open(self) -> None:
        """Take the new title, while one is written; else open the chat."""
        if self._title_input.display:
            self._rename()
        elif self.chosen is not None:
            self.dismiss(self.chosen.id)

    def action_new(self) -> None:
        """Begin a new chat."""
        self.dismiss(NEW)

    def action_back(self) -> None:
        """Leave the new title, then the search, then the chats."""
        if self._title_input.display:
            self._end_renaming()
        elif self._search.value:
            self._search.value = ""
        else:
            self.dismiss(None)

    def action_rename(self) -> None:
        """Edit the title in its place."""
        if self.chosen is None:
            return
        self._show_chosen()
        self._title_input.value = one_line(self.chosen.title)
        self._title.display, self._title_input.display = False, True
        self._title_input.focus()

    def action_export(self) -> None:
        """Export the chat to a Markdown file."""
        if (chosen := self.chosen) is not None:
            try:
                path = self._export(self._store.chat(chosen.id))
            except (MedusaChatError, OSError) as error:
                self._complain(str(error))
            else:
                self.notify(printable(f"Exported to {path}"), markup=False)

    @work(exclusive=True, group="delete")
    async def action_delete(self) -> None:
        """Delete the chat, after a question."""
        chosen = self.chosen
        if chosen is None:
            return
        text = (
            f"Delete “{one_line(chosen.title)}” with its {chosen.messages} messages? "
            "Ctrl+Z brings it back until medusa-chat ends."
        )
        if not await self.app.push_screen_wait(Question("Delete", text, yes="delete it")):
            return
        at = self._list.highlighted or 0
        after = [chat.id for chat in self._chats[at + 1 : at + 2]]
        before = [chat.id for chat in self._chats[max(at - 1, 0) : at]]
        try:
            self._store.delete(chosen.id)
        except MedusaChatError as error:
            self._complain(str(error))
        self._read(keep=next(iter(after + before), None))

    def action_undo(self) -> None:
        """Undo the last deletion or new title."""
        undone = self._store.undo()
        if undone is None:
            self.notify("There is nothing to undo.", markup=False)
            return
        self.notify(f"Undone: {undone.what}.", markup=False)
        self._read(keep=undone.chat_id)

    def _rename(self) -> None:
        chosen, name = self.chosen, self._title_input.value
        self._end_renaming()
        if chosen is None or one_line(name) in ("", one_line(chosen.title)):
            return
        try:
            self._store.rename(chosen.id, name)
        except MedusaChatError as error:
            self._complain(str(error))
        self._read(keep=chosen.id)

    def _end_renaming(self) -> None:
        if self._title_input.display:
            self._title.display, self._title_input.display = True, False
            self._search.focus()

    def _complain(self, words: str) -> None:
        self.notify(printable(words), severity="error", markup=False)

    def _later(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call this when it was not asked for again for some time."""
        if (timer := self._delays.get(name)) is not None:
            timer.stop()
        self._delays[name] = self.set_timer(seconds, call)


def _around(chat: Chat, found: int | None) -> tuple[Message, ...]:
    """Return the messages about the one that was found, else the last ones that are read."""
    if found is None or found not in chat.tree:
        return chat.path[-_MOST_MESSAGES:]
    before = chat.tree.path_to(found)[-2:]
    after: list[Message] = []
    children = chat.tree.children(found)
    while children and len(after) < _MESSAGES_AFTER:
        following = next(one for one in children if chat.tree.is_active(one.id))
        after.append(following)
        children = chat.tree.children(following.id)
    return (*before, *after)
