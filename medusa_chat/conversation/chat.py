"""A chat that is open: its messages, what can be done with them, the reply that is being written.

All of it is in memory; the store saves each change at once, and whatever it could not save as soon
as it can again. So nothing here fails because of a disk.
"""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from medusa_chat.conversation.conversation import (
    UNTITLED,
    ChatSettings,
    Conversation,
    Message,
    encodable,
    title_given,
    title_of,
)
from medusa_chat.conversation.tree import MessageTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medusa_chat.conversation.conversation import Cut, Outcome, Recipe, Role
    from medusa_chat.conversation.store import Store

SAVE_SECONDS = 1.0
"""What came of a reply is saved when the last time is this long ago."""

_ID_BITS = 11
"""Of a message's id, below the microseconds: two programs do not give the same one."""


def new_message_id() -> int:
    """Return an id by the time, which no other program is likely to give as well."""
    chance = int.from_bytes(os.urandom(2)) % (1 << _ID_BITS)
    return time.time_ns() // 1000 << _ID_BITS | chance


@dataclasses.dataclass(slots=True)
class Unsaved:
    """What of a chat is not in the file yet."""

    heading: bool = False
    """Title and settings."""
    changed: set[int] = dataclasses.field(default_factory=set)
    removed: set[int] = dataclasses.field(default_factory=set)

    def __bool__(self) -> bool:
        return self.heading or bool(self.changed) or bool(self.removed)

    def clear(self) -> None:
        """Forget all of it: it is saved."""
        self.heading = False
        self.changed.clear()
        self.removed.clear()


class Chat:
    """One chat. The store makes it; nothing of it is in the file before something is said."""

    def __init__(
        self,
        store: Store,
        chat_id: str,
        created: datetime,
        *,
        title: str = UNTITLED,
        renamed: bool = False,
        changed: datetime | None = None,
        settings: ChatSettings | None = None,
        tree: MessageTree | None = None,
    ) -> None:
        self._store = store
        self.id = chat_id
        self.title = title
        self.renamed = renamed
        """Whether a user gave the title, which stays then."""
        self.created = created
        self.changed = changed or created
        self.settings = settings or ChatSettings()
        self.tree = tree or MessageTree()
        self.writing: set[int] = set()
        """The replies that are being written here."""
        self.unsaved = Unsaved()
        self.deleted = False

    @property
    def path(self) -> tuple[Message, ...]:
        """The messages that are being read, in order."""
        return self.tree.path

    @property
    def conversation(self) -> Conversation:
        """What is being read, with its title."""
        return Conversation(self.title, self.created, self.path)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        return len(self.tree) == 0

    def message(self, message_id: int) -> Message:
        """Return a message as it stands now. Raises KeyError when it is not in this chat."""
        return self.tree[message_id]

    def siblings(self, message: Message) -> tuple[Message, ...]:
        """Return the prompts or replies that may stand in this one's place, the oldest first."""
        return self.tree.siblings(message.id)

    def dialogue_before(self, prompt: Message | None) -> list[tuple[Message, Message]]:
        """Return the prompts that lead to this one and were answered in words, with their replies.

        None is a prompt that is yet to be added.

        A prompt whose reply failed before its first word is no part of the dialogue: a model
        expects the roles to take turns, and the prompt may be the very one that did not fit. What
        is above a cut is left out as well.
        """
        whole = self.path if prompt is None else self.tree.path_to(prompt.id)
        cuts = [at for at, message in enumerate(whole) if message.cut is not None]
        before = whole[cuts[-1] if cuts else 0 : None if prompt is None else -1]
        return [
            (asked, reply)
            for asked, reply in pairwise(before)
            if asked.role == "user" and reply.role == "assistant" and reply.content
        ]

    def cut_above(self, prompt: Message | None) -> Message | None:
        """Return the prompt above which nothing is sent when this one is; None where all is."""
        path = self.path if prompt is None else self.tree.path_to(prompt.id)
        return next((message for message in reversed(path) if message.cut is not None), None)

    # What changes it -----------------------------------------------------------------------------

    def add_prompt(self, text: str) -> Message:
        """Add a prompt at the end of what is being read, save it, and return it."""
        path = self.path
        return self._add_prompt(text, path[-1].id if path else None)

    def edit_prompt(self, prompt: Message, text: str) -> Message:
        """Add another prompt in the place of this one, which stays beside it, and return it."""
        read, title = self.path, self.title
        edited = self._add_prompt(text, prompt.parent, prompt.cut)
        if read:
            undo = partial(self._undo_edit, read[-1].id, title)
            self._store.remember("the edit", self.id, undo)
        return edited

    def start_reply(self, prompt: Message, recipe: Recipe | None = None) -> Reply:
        """Begin a reply to the prompt, beside those that it has, and save that it is begun.

        Prompts that were sent meanwhile follow the reply.
        """
        read = self.path
        is_read = prompt.id in {one.id for one in read}
        others = self.tree.children(prompt.id)
        waiting = [one for one in others if one.role == "user"]
        follows = [one for one in waiting if self.tree.is_active(one.id)]
        reply = self._new("assistant", "", prompt.id, recipe)
        self.tree.put(reply)
        for one in waiting:
            self.tree.adopt(reply.id, one.id)
        self.unsaved.changed |= {one.id for one in waiting}
        # Who has gone on to another branch meanwhile stays there.
        if is_read:
            self.unsaved.changed |= self.tree.select(follows[0].id if follows else reply.id)
        if len(others) > len(waiting):
            self._remember_place("the new reply", read)
        return self._write(reply)

    def continue_reply(self, reply: Message) -> Reply:
        """Go on writing a reply that had ended."""
        return self._write(dataclasses.replace(self.tree[reply.id], outcome=None))

    def set_cut(self, prompt: Message, cut: Cut | None) -> None:
        """Have nothing above a prompt sent any more, or all of it again; the store can undo it."""
        before = self.tree[prompt.id].cut
        self._set_cut(prompt.id, cut)
        self._store.remember("what is not sent", self.id, partial(self._set_cut, prompt.id, before))

    def select(self, message: Message) -> None:
        """Have this message read instead of its siblings, and what follows it."""
        self.unsaved.changed |= self.tree.select(message.id)
        self._store.save(self)

    def delete_message(self, message: Message) -> None:
        """Delete a message and all that follows it; the store can undo it."""
        read = self.path
        removed = self.tree.remove(message.id)
        ids = {one.id for one in removed}
        self.unsaved.changed -= ids
        self.unsaved.removed |= ids
        self._store.save(self)
        self._store.remember("the deletion", self.id, partial(self._put_back, removed, read[-1].id))

    def withdraw(self, prompt: Message) -> None:
        """Take back a prompt that has no reply: it was not asked yet, and is nothing to undo.

        Prompts that were sent behind it stay, and follow what it followed.
        """
        read = self.path
        for follower in self.tree.children(prompt.id):
            self.unsaved.changed.add(self.tree.adopt(prompt.parent, follower.id).id)
        self.tree.remove(prompt.id)
        if read[-1].id in self.tree:
            self.unsaved.changed |= self.tree.select(read[-1].id)
        self.unsaved.changed.discard(prompt.id)
        self.unsaved.removed.add(prompt.id)
        self._store.save(self)

    def rename(self, name: str) -> None:
        """Give the chat a title that stays; the store can undo it."""
        undo = partial(self._set_title, self.title, renamed=self.renamed)
        self._set_title(title_given(encodable(name)), renamed=True)
        self._store.remember("the new title", self.id, undo)

    def set_settings(self, settings: ChatSettings) -> None:
        """Set what holds for this chat from now on."""
        self.settings = settings
        self.unsaved.heading = True
        self._store.save(self)

    # What the store asks -------------------------------------------------------------------------

    def take_over(self, other: Chat) -> None:
        """Become what the file says, which another window may have written."""
        self.title, self.renamed, self.changed = other.title, other.renamed, other.changed
        self.settings, self.tree = other.settings, other.tree
        self.deleted = False
        self.unsaved.clear()

    def save_whole(self) -> None:
        """Save all of it again, as after it was deleted."""
        self.deleted = False
        self.unsaved.heading = True
        self.unsaved.changed |= {message.id for message in self.tree}
        self._store.save(self)

    def _add_prompt(self, text: str, parent: int | None, cut: Cut | None = None) -> Message:
        prompt = dataclasses.replace(self._new("user", text, parent), cut=cut)
        self.tree.put(prompt)
        self.unsaved.changed |= {prompt.id, *self.tree.select(prompt.id)}
        if parent is None and not self.renamed:
            self.title = title_of(prompt.content)
            self.unsaved.heading = True
        self._touch(prompt.created)
        self._store.save(self)
        return prompt

    def _new(
        self, role: Role, text: str, parent: int | None, recipe: Recipe | None = None
    ) -> Message:
        message_id = max(new_message_id(), self.tree.last_id + 1)
        return Message(
            role, encodable(text), datetime.now(UTC), recipe, id=message_id, parent=parent
        )

    def _write(self, reply: Message) -> Reply:
        self.writing.add(reply.id)
        self._touch(datetime.now(UTC))
        self.replace(reply)
        self._store.save(self)
        return Reply(self, self._store, reply)

    def replace(self, message: Message) -> None:
        """Put a message in place of the one with its id; the store is yet to save it."""
        self.tree.put(message)
        self.unsaved.changed.add(message.id)

    def _touch(self, when: datetime) -> None:
        self.changed = max(self.changed, when)
        self.unsaved.heading = True

    def _set_title(self, title: str, *, renamed: bool) -> None:
        self.title, self.renamed = title, renamed
        self.unsaved.heading = True
        self._store.save(self)

    def _set_cut(self, prompt_id: int, cut: Cut | None) -> None:
        if prompt_id in self.tree:
            self.replace(dataclasses.replace(self.tree[prompt_id], cut=cut))
            self._store.save(self)

    def _put_back(self, removed: Iterable[Message], read_id: int) -> None:
        for message in removed:
            self.tree.put(message)
            self.unsaved.removed.discard(message.id)
            self.unsaved.changed.add(message.id)
        self._go_back(read_id)
        self._store.save(self)

    def _remember_place(self, what: str, read: tuple[Message, ...]) -> None:
        if read:
            self._store.remember(what, self.id, partial(self._go_back, read[-1].id))

    def _undo_edit(self, message_id: int, title: str) -> None:
        self._go_back(message_id)
        # The first prompt's edit gave another title; one that a user gave meanwhile stays.
        if not self.renamed and title != self.title:
            self._set_title(title, renamed=False)

    def _go_back(self, message_id: int) -> None:
        if message_id in self.tree:
            self.select(self.tree[message_id])


class Reply:
    """A reply that is being written: saved when begun, at least once a second, and at its end."""

    def __init__(self, chat: Chat, store: Store, message: Message) -> None:
        self._chat = chat
        self._store = store
        self._message = message
        self._saved_at = store.clock()
        self._is_saved = True

    @property
    def message(self) -> Message:
        """The reply as far as it is written."""
        return self._message

    def append(self, text: str) -> None:
        """Add what came; it is saved now if the last time is a second ago."""
        self._put(content=self._message.content + encodable(text))
        self.save_if_due()

    def save_if_due(self) -> None:
        """Save what came, if the last time is a second ago: for a reply that has come to a halt."""
        if not self._is_saved and self._store.clock() - self._saved_at >= SAVE_SECONDS:
            self._save()

    def end(self, outcome: Outcome) -> Message:
        """Write down how the reply ended, save it whole, and return it."""
        self._chat.writing.discard(self._message.id)
        self._put(outcome=outcome)
        self._save()
        return self._message

    def _put(self, **changes: Any) -> None:
        self._message = dataclasses.replace(self._message, **changes)
        # A reply can be deleted while it is being written.
        if self._message.id in self._chat.tree:
            self._chat.replace(self._message)
        self._is_saved = False

    def _save(self) -> None:
        self._saved_at = self._store.clock()
        self._is_saved = True
        self._store.save(self._chat)
