"""The conversation on the screen."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.strip import Strip

from medusa_chat.tui import words
from medusa_chat.tui.background import in_background
from medusa_chat.tui.bursts import BURST_VIEWS, VIEW_WORDS, BurstView
from medusa_chat.tui.clipboard import copy
from medusa_chat.tui.entries import Entry, Message, NoticeEntry, PromptEntry, ReplyEntry
from medusa_chat.tui.markdown.flow import prepare
from medusa_chat.tui.reply_text import ReplyText
from medusa_chat.tui.widgets.reading_scroll import ReadingScroll
from medusa_chat.tui.widgets.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.events import Click
    from textual.geometry import Region
    from textual.widget import Widget

    from medusa_chat.conversation.conversation import Conversation
    from medusa_chat.engine.protocol import Piece
    from medusa_chat.tui.markdown.code import CodeSheet
    from medusa_chat.tui.widgets.notice import Kind

PAGE_ENTRIES = 20
"""So many are put on the screen at once, and so many more each time the reader comes to the top."""
MOST_ENTRIES = 40
"""Above this, entries far above the end are taken off the screen again."""

_PREPARE_SECONDS = 0.5


class Transcript(ReadingScroll):
    """Prompts, replies and notices under one another; of a long chat those that are near."""

    burst_view: reactive[BurstView] = reactive("live", init=False)
    """Which bursts are marked, in all replies."""

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._entries: list[Entry] = []
        self._first = 0
        """The first entry that has a widget; all behind it have one."""
        self._waiting: dict[int, PromptEntry] = {}
        self._reply: ReplyEntry | None = None
        self._last_reply: ReplyEntry | None = None
        self._grown = False
        """Whether the reply has got more text than is drawn."""
        self._written: dict[str, ReplyText] = {}
        """The replies of this run by their text, so that one shown again still has its bursts."""
        self._folded = True
        self._chosen: tuple[Message, CodeSheet | None] | None = None

    def on_mount(self) -> None:
        """Prepare for the first reply, once the program stands."""
        self.set_timer(_PREPARE_SECONDS, self._prepare)

    def _prepare(self) -> None:
        self.run_worker(in_background(prepare), group="prepare")

    # What is said ------------------------------------------------------------------------------

    def show(self, conversation: Conversation) -> None:
        """Begin anew with the turns of a conversation; if it has none, say how to begin."""
        gc.unfreeze()
        self._keep_reply()
        self.remove_children([child for child in self.children if child is not self._hint])
        self._waiting.clear()
        self._reply = self._last_reply = self._chosen = None
        self._entries = []
        for turn in conversation.turns:
            if turn.role == "user":
                self._entries.append(PromptEntry(turn.content))
                continue
            status = "not finished"
            if turn.outcome is not None:
                mode = turn.recipe.mode if turn.recipe else None
                status = words.ending(turn.outcome.stop_reason, turn.outcome.figures_line, mode)
            text = ReplyText(turn.content)
            text.end()
            self._entries.append(ReplyEntry(self._written.get(text.text, text), status))
        self._first = len(self._entries)
        self._mount_older()
        if not conversation.turns:
            self.say(words.WELCOME)
        self.follow()

    def say(self, text: str, kind: Kind = "note") -> None:
        """Put what the program has to say at the end."""
        self._insert(NoticeEntry(text, kind))

    def say_after_reply(self, text: str, kind: Kind) -> None:
        """Put what the program has to say about the last reply behind it, before what waits."""
        self._insert(NoticeEntry(text, kind), after=self._last_reply)

    def add_prompt(self, position: int, text: str, waiting: str) -> None:
        """Put a prompt at the end, and go there: who writes wants to read the answer."""
        entry = self._waiting[position] = PromptEntry(text, waiting)
        self._insert(entry)
        self.follow()

    def show_waiting(self, waiting: str) -> None:
        """Say what the prompts in line wait for."""
        for entry in self._waiting.values():
            entry.show_waiting(waiting)

    def begin_reply(self, position: int) -> None:
        """Begin a reply under its prompt, which waits no longer."""
        prompt = self._waiting.pop(position)
        prompt.show_waiting("")
        self._reply = self._last_reply = ReplyEntry(ReplyText(), words.READING)
        self._insert(self._reply, after=prompt)

    def extend_reply(self, pieces: Iterable[Piece]) -> None:
        """Append to the reply; it is shown by the next ``draw``."""
        if self._reply is not None:
            for piece in pieces:
                self._reply.text.add(piece)
            self._grown = True
            self.note_growth()

    def show_reply_status(self, status: str) -> None:
        """Put these words under the reply that is being written."""
        if self._reply is not None:
            self._reply.show_status(status)

    def end_reply(self, status: str) -> None:
        """Show the rest of the reply and the line under it."""
        if self._reply is not None:
            self._keep_reply()
            self._grown = True
            self.draw()
            self._reply.show_status(status)
        self._reply = None
        # Widgets live long: looking at all of them for garbage, again and again, takes 100 ms each
        # time in a long chat.
        gc.freeze()

    def draw(self) -> None:
        """Show what was appended to the reply since the last time."""
        if self._grown and self._reply is not None and self._reply.widget is not None:
            self._reply.widget.draw()
        self._grown = False
        if self.follows and len(self._entries) - self._first > MOST_ENTRIES:
            self._unmount_older()

    def _keep_reply(self) -> None:
        if self._reply is not None:
            self._reply.text.end()
            self._written[self._reply.text.text] = self._reply.text

    # How it is shown ---------------------------------------------------------------------------

    def watch_burst_view(self, view: BurstView) -> None:
        """Mark the bursts of all replies anew."""
        self._choose(None)
        for entry in self._entries:
            if isinstance(entry, ReplyEntry) and entry.widget is not None:
                entry.widget.show_bursts(view)

    def show_next_burst_view(self) -> None:
        """Mark the bursts in another way: the next one."""
        following = BURST_VIEWS.index(self.burst_view) + 1
        self.burst_view = BURST_VIEWS[following % len(BURST_VIEWS)]
        self.notify(VIEW_WORDS[self.burst_view], title="Bursts", markup=False)

    def toggle_thinking(self) -> None:
        """Show the thinking of all replies, or fold it away."""
        self._folded = not self._folded
        for entry in self._entries:
            if isinstance(entry, ReplyEntry) and entry.widget is not None:
                entry.widget.fold(folded=self._folded)

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
        if code is not None and isinstance(message.widget, Reply):
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
        first = len(self._entries) - PAGE_ENTRIES
        for entry in self._entries[self._first : first]:
            if entry is self._reply or (self._chosen and entry is self._chosen[0]):
                first = self._entries.index(entry)
                break
        gone = [entry.widget for entry in self._entries[self._first : first] if entry.widget]
        for entry in self._entries[self._first : first]:
            entry.widget = None
        self._first = first
        self.remove_children(gone)
