"""The conversation on the screen."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from medusa_chat.tui import words
from medusa_chat.tui.background import in_background
from medusa_chat.tui.entries import Entry, Message, NoticeEntry, PromptEntry, ReplyEntry
from medusa_chat.tui.widgets.entry_scroll import MOST_ENTRIES, EntryScroll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from medusa_chat.conversation.conversation import Conversation
    from medusa_chat.conversation.conversation import Message as Turn
    from medusa_chat.engine.protocol import Piece
    from medusa_chat.tui.bursts import BurstView
    from medusa_chat.tui.reply_text import ReplyText
    from medusa_chat.tui.widgets.notice import Kind

_PREPARE_SECONDS = 0.5


class Transcript(EntryScroll):
    """Prompts, replies and notices under one another; of a long chat those that are near."""

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._waiting: dict[int, PromptEntry] = {}
        self._reply: ReplyEntry | None = None
        self._last_reply: ReplyEntry | None = None
        self._grown = False
        """Whether the reply has got more text than is drawn."""
        self._passing: NoticeEntry | None = None
        """What was said until a reply comes."""
        self._written: dict[int, ReplyText] = {}
        """The replies of this run by their ids, so that one shown again still has its bursts."""

    def on_mount(self) -> None:
        """Prepare for the first reply, once the program stands."""
        self.call_after_refresh(self.set_timer, _PREPARE_SECONDS, self._prepare)

    def _prepare(self) -> None:
        self.run_worker(in_background(_prepare), group="prepare")

    # What is said ------------------------------------------------------------------------------

    def show(
        self,
        conversation: Conversation,
        marks: Mapping[int, str] | None = None,
        waiting: Mapping[int, str] | None = None,
        *,
        writes_on: bool = False,
    ) -> None:
        """Begin anew with the turns of a conversation; if it has none, say how to begin.

        By the ids of messages, ``marks`` say which of several each is, and ``waiting`` what prompts
        wait for. With ``writes_on`` the reply that is being written is one of the same chat's: it
        goes on, whether it is among these turns or not.
        """
        gc.unfreeze()
        if not writes_on:
            self._keep_reply()
            self._reply = None
        self.remove_children([child for child in self.children if child is not self._hint])
        self._waiting.clear()
        self._last_reply, self._chosen = self._reply, None
        for old in self._entries:
            old.widget = None
        self._entries = []
        marks, waiting = marks or {}, waiting or {}
        for number, turn in enumerate(conversation.turns):
            if turn.cut is not None:
                self._entries.append(NoticeEntry(words.cut(number, turn.cut.summary)))
            entry = self._entry_of(turn)
            entry.message, entry.mark = turn.id, marks.get(turn.id, "")
            self._entries.append(entry)
            if isinstance(entry, PromptEntry) and turn.id in waiting:
                entry.waiting = waiting[turn.id]
                self._waiting[turn.id] = entry
        self._first = len(self._entries)
        self._mount_older()
        if not conversation.turns:
            self.say(words.welcome())
        self.follow()

    def _entry_of(self, turn: Turn) -> Message:
        if turn.role == "user":
            return PromptEntry(turn.content)
        if self._reply is not None and self._reply.message == turn.id:
            return self._reply
        status = "not finished"
        if turn.outcome is not None:
            mode = turn.recipe.mode if turn.recipe else None
            status = words.ending(turn.outcome.stop_reason, turn.outcome.figures_line, mode)
        text = _reply_text(turn.content)
        text.end()
        written = self._written.get(turn.id)
        as_it_came = written is not None and written.text == text.text
        return ReplyEntry(written if written is not None and as_it_came else text, status)

    def remember(self, message: int, text: ReplyText) -> None:
        """Show this reply of the chat with the bursts that it came in, from the next time on."""
        text.end()
        self._written[message] = text

    def say(self, text: str, kind: Kind = "note") -> None:
        """Put what the program has to say at the end."""
        self._insert(NoticeEntry(text, kind))

    def say_until_reply(self, text: str) -> None:
        """Put at the end what holds until a reply is begun or gone on with."""
        self._passing = NoticeEntry(text)
        self._insert(self._passing)

    def say_after_reply(self, text: str, kind: Kind) -> None:
        """Put what the program has to say about the last reply behind it, before what waits."""
        shown = self._last_reply if self._last_reply in self._entries else None
        self._insert(NoticeEntry(text, kind), after=shown)

    def add_prompt(self, position: int, text: str, waiting: str) -> None:
        """Put a prompt at the end, and go there: who writes wants to read the answer."""
        entry = self._waiting[position] = PromptEntry(text, waiting, position)
        self._insert(entry)
        self.follow()

    def take_back(self, position: int) -> None:
        """Take away a prompt that waited in line, if it is shown."""
        entry = self._waiting.pop(position, None)
        if entry is not None:
            self._take_out(entry)

    def show_waiting(self, waiting: str) -> None:
        """Say what the prompts in line wait for, and their places in it."""
        for place, entry in enumerate(self._waiting.values(), 1):
            entry.show_waiting(words.place(waiting, place, len(self._waiting)))

    def begin_reply(self, position: int) -> None:
        """Begin a reply under its prompt, which waits no longer."""
        prompt = self._waiting.pop(position, None)
        if prompt is not None:
            prompt.show_waiting("")
        self._drop_passing()
        self._reply = self._last_reply = ReplyEntry(_reply_text(), words.READING)
        self.place_reply(position)

    def place_reply(self, position: int) -> None:
        """Put the reply under its prompt, if that is shown, in place of an earlier reply to it."""
        prompt = next((one for one in self._messages if one.message == position), None)
        if self._reply is None or prompt is None:
            return
        after = self._messages[self._messages.index(prompt) + 1 :]
        if after and isinstance(after[0], ReplyEntry):
            self._remove_from(self._entries.index(after[0]))
        self._insert(self._reply, after=prompt)

    def name_reply(self, message: int, mark: str) -> None:
        """Say which message of the chat the reply is, and which of several."""
        if self._reply is not None:
            self._reply.message, self._reply.mark = message, mark

    def resume_reply(self, message: int, text: str) -> None:
        """Go on with a reply that had ended."""
        self._drop_passing()
        entry = next((one for one in self._messages if one.message == message), None)
        if isinstance(entry, ReplyEntry):
            entry.text = entry.text.reopened()
            self._replace(entry)
        else:
            entry = ReplyEntry(_reply_text(text).reopened(), message=message)
        self._reply = self._last_reply = entry
        entry.show_status(words.READING)

    def number_reply(self, reply_id: int) -> None:
        """Take down what the engine calls the reply that is being written."""
        if self._reply is not None:
            self._reply.text.reply_id = reply_id

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
        grown, self._grown = self._grown, False
        if grown and self._reply is not None and self._reply.widget is not None:
            self._reply.widget.draw()
        if self.follows and (grown or len(self._entries) - self._first > MOST_ENTRIES):
            self._unmount_older()

    def _drop_passing(self) -> None:
        if self._passing in self._entries:
            self._take_out(self._passing)
        self._passing = None

    def _keep_reply(self) -> None:
        if self._reply is not None:
            self._reply.text.end()
            if self._reply.message is not None:
                self._written[self._reply.message] = self._reply.text

    # How it is shown ---------------------------------------------------------------------------

    def watch_burst_view(self, view: BurstView) -> None:
        """Mark the bursts of all replies anew."""
        self._choose(None)
        for entry in self._entries:
            if isinstance(entry, ReplyEntry) and entry.widget is not None:
                entry.widget.show_bursts(view)

    def show_next_burst_view(self) -> None:
        """Mark the bursts in another way: the next one."""
        from medusa_chat.tui.bursts import BURST_VIEWS, VIEW_WORDS

        following = BURST_VIEWS.index(self.burst_view) + 1
        self.burst_view = BURST_VIEWS[following % len(BURST_VIEWS)]
        self.notify(VIEW_WORDS[self.burst_view], title="Bursts", markup=False)

    def toggle_thinking(self) -> None:
        """Show the thinking of all replies and the files of all prompts, or fold them away."""
        self._folded = not self._folded
        for entry in self._entries:
            if isinstance(entry, PromptEntry | ReplyEntry) and entry.widget is not None:
                entry.widget.fold(folded=self._folded)

    def _stays(self, entry: Entry) -> bool:
        return entry is self._reply


def _reply_text(text: str = "") -> ReplyText:
    from medusa_chat.tui.reply_text import ReplyText

    return ReplyText(text)


def _prepare() -> None:
    from medusa_chat.tui.markdown.flow import prepare

    prepare()
