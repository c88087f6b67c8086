"""What stands in a chat: of a long one the entries that are near are shown, and one is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.strip import Strip

from medusa_chat.tui.clipboard import copy
from medusa_chat.tui.entries import Entry, Message, NoticeEntry, ReplyEntry
from medusa_chat.tui.widgets.reading_scroll import ReadingScroll

if TYPE_CHECKING:
    from textual.events import Click
    from textual.geometry import Region
    from textual.widget import Widget

    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.markdown.code import CodeSheet
    from medusa_chat.tui.reply_text import ReplyText

PAGE_ENTRIES = 20
"""So many are put on the screen at once, and so many more each time the reader comes to the top."""
MOST_ENTRIES = 40
"""Above this, entries far above the end are taken off the screen again."""
_KEPT_SCREENS = 2
"""So much stays above the screen when a reply grows. Every widget more costs every frame."""
_LEAST_GONE = 4
"""Fewer entries than that are not worth the work of taking them off."""


class EntryScroll(ReadingScroll):
    """Mounts the entries that are near, and goes to messages and code by keys."""

    burst_view: reactive[BurstView] = reactive("live", init=False)
    """Which bursts are marked, in all replies."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._entries: list[Entry] = []
        self._first = 0
        """The first entry that has a widget; all behind it have one."""
        self._folded = True
        self._chosen: tuple[Message, CodeSheet | None] | None = None

    def _stays(self, entry: Entry) -> bool:
        """Tell whether an entry is to stay on the screen."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return its own lines, which are empty: children lie over nearly all of them.

        Drawing them as any widget's, with every frame in which it grows, costs as much as the text.
        """
        strip = Strip.blank(crop.width, self.rich_style)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self.background_colors[1])
        return [strip] * crop.height

    # Which message is meant --------------------------------------------------------------------

    @property
    def chosen_turn(self) -> int | None:
        """The index, among all prompts and replies, of the message that the reader went to."""
        if self._chosen is None:
            return None
        return self._messages.index(self._chosen[0])

    @property
    def chosen_reply(self) -> ReplyText | None:
        """The reply that the reader went to, else the last one; None where neither is there."""
        entry = self._chosen[0] if self._chosen is not None else self._last_answer
        return entry.text if isinstance(entry, ReplyEntry) else None

    @property
    def chosen_id(self) -> int | None:
        """The id of that message in the chat; None where none was gone to."""
        return None if self._chosen is None else self._chosen[0].message

    @property
    def shown_ids(self) -> list[int | None]:
        """The ids of all prompts and replies, from top to bottom."""
        return [entry.message for entry in self._messages]

    def choose(self, message: int | None) -> None:
        """Go to the message with this id, or to none."""
        found = (entry for entry in self._messages if message is not None)
        self._choose(next((entry for entry in found if entry.message == message), None))

    @property
    def chosen_text(self) -> str:
        """What copying takes: the code or the message gone to, else the last reply."""
        if self._chosen is not None:
            message, code = self._chosen
            return message.copied if code is None else code.code
        return self._last_answer.copied if self._last_answer is not None else ""

    @property
    def chosen_kind(self) -> str:
        """What ``chosen_text`` is, in a word."""
        if self._chosen is None:
            return "reply"
        message, code = self._chosen
        return "code" if code else "reply" if isinstance(message, ReplyEntry) else "prompt"

    def choose_message(self, direction: int) -> None:
        """Go to the message above (-1) or below (1); below the last one, to none."""
        messages = self._messages
        here = len(messages) if self._chosen is None else messages.index(self._chosen[0])
        there = here + direction
        if there >= len(messages):
            self._choose(None)
            self.follow()
        elif there >= 0:
            self._choose(messages[there])

    def choose_code(self, direction: int) -> None:
        """Go to the code above (-1) or below (1)."""
        codes = [
            (entry, code)
            for entry in self._entries[self._first :]
            if isinstance(entry, ReplyEntry) and entry.widget is not None
            for code in entry.widget.codes
        ]
        order = {id(entry): number for number, entry in enumerate(self._entries)}
        here = (len(order), 0)
        if self._chosen is not None:
            message, chosen = self._chosen
            above = -1 if direction > 0 else 0
            here = (order[id(message)], chosen.at if chosen is not None else above)
        places = [(order[id(entry)], code.at) for entry, code in codes]
        if direction < 0:
            found = [n for n, place in enumerate(places) if place < here][-1:]
        else:
            found = [n for n, place in enumerate(places) if place > here][:1]
        if found:
            self._choose(*codes[found[0]])

    def on_click(self, event: Click) -> None:
        """Copy code whose first row is clicked; go to the end by the hint."""
        if event.widget is self._hint:
            self.follow()
        for entry in self._entries[self._first :]:
            if event.widget is entry.widget and isinstance(entry, ReplyEntry) and entry.widget:
                code = entry.widget.code_at(event.screen_y)
                if code is not None and not self.screen.get_selected_text():
                    copy(self.app, code.code, "code")

    @property
    def _messages(self) -> list[Message]:
        return [entry for entry in self._entries if not isinstance(entry, NoticeEntry)]

    @property
    def _last_answer(self) -> ReplyEntry | None:
        replies = (entry for entry in reversed(self._entries) if isinstance(entry, ReplyEntry))
        return next(replies, None)

    def _choose(self, message: Message | None, code: CodeSheet | None = None) -> None:
        self._mark_chosen(chosen=False)
        self._chosen = None if message is None else (message, code)
        if message is None:
            return
        while message.widget is None and self._mount_older():
            pass
        self._mark_chosen(chosen=True)
        self.call_after_refresh(self._show_chosen)

    def _mark_chosen(self, *, chosen: bool) -> None:
        if self._chosen is None:
            return
        message, code = self._chosen
        if code is not None:
            code.is_chosen = chosen
            if isinstance(message, ReplyEntry) and message.widget is not None:
                message.widget.redraw()
        elif message.widget is not None:
            message.widget.set_class(chosen, "chosen")

    def _show_chosen(self) -> None:
        if self._chosen is None or self._chosen[0].widget is None:
            return
        message, code = self._chosen
        top = message.widget.virtual_region.y if message.widget else 0
        height = message.widget.virtual_region.height if message.widget else 0
        if code is not None and isinstance(message, ReplyEntry) and message.widget:
            top += message.widget.row_of(code.at)
            height = 3
        if not self.scroll_y <= top <= top + height <= self.scroll_y + self.size.height:
            self.release_anchor()
            self.scroll_to(y=top - 1, animate=False)

    # Which of it is mounted --------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Bring older entries when the reader comes near the top."""
        super().watch_scroll_y(old_value, new_value)
        if self._first and new_value < self.size.height and not self.follows:
            self.call_later(self._mount_older)

    def _insert(self, entry: Entry, *, after: Entry | None = None) -> None:
        """Put an entry behind another one, or at the end."""
        place = len(self._entries) if after is None else self._entries.index(after) + 1
        self._entries.insert(place, entry)
        if place < self._first:
            self._first += 1
            return
        widget = entry.show(self.burst_view, folded=self._folded)
        if after is not None and after.widget is not None and place > self._first:
            self.mount(widget, after=after.widget)
        elif place == len(self._entries) - 1:
            self.mount(widget)
        else:
            self.mount(widget, before=0)

    def _replace(self, entry: ReplyEntry) -> None:
        """Show an entry by a new widget."""
        if (old := entry.widget) is not None:
            self.mount(entry.show(self.burst_view, folded=self._folded), before=old)
            old.remove()

    def _take_out(self, entry: Entry) -> None:
        """Take out one entry."""
        if self._chosen is not None and self._chosen[0] is entry:
            self._choose(None)
        self._first -= self._entries.index(entry) < self._first
        self._entries.remove(entry)
        if entry.widget is not None:
            entry.widget.remove()

    def _remove_from(self, place: int) -> None:
        """Take out the entries from a place on."""
        gone, self._entries = self._entries[place:], self._entries[:place]
        if self._chosen is not None and self._chosen[0] in gone:
            self._chosen = None
        self._first = min(self._first, place)
        self.remove_children([entry.widget for entry in gone if entry.widget is not None])

    def _mount_older(self) -> bool:
        """Put older entries on the screen; False when there are none."""
        if self._first == 0:
            return False
        first = max(0, self._first - PAGE_ENTRIES)
        older = self._entries[first : self._first]
        self._first = first
        widgets: list[Widget] = [
            entry.show(self.burst_view, folded=self._folded) for entry in older
        ]
        self.mount(*widgets, before=0)
        return True

    def _unmount_older(self) -> None:
        """Take entries off that are far above the end, which is followed."""
        lowest = self.scroll_y - _KEPT_SCREENS * self.size.height
        if self._arranged is None or lowest <= 0:
            return
        bottoms = {place.widget: place.region.bottom for place in self._arranged.placements}
        gone: list[Widget] = []
        for entry in self._entries[self._first :]:
            widget = entry.widget
            is_needed = self._stays(entry) or (self._chosen and entry is self._chosen[0])
            if is_needed or widget is None or bottoms.get(widget, lowest) >= lowest:
                break
            gone.append(widget)
        if len(gone) < _LEAST_GONE:
            return
        for entry in self._entries[self._first : self._first + len(gone)]:
            entry.widget = None
        self._first += len(gone)
        self.remove_children(gone)
