"""Whatever is done to chats, in whatever order and on whatever disk: nothing of them is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from medusa_chat.conversation import rows
from medusa_chat.conversation.chat import Chat, Reply
from medusa_chat.conversation.conversation import Message
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import StorageError

from .examples import OUTCOME, RECIPE, Clock

TEXTS = st.text("ab \n", max_size=4)


class Chats(RuleBasedStateMachine):
    """Does what users do; the file, read by another program, has to say what the screen says."""

    chats = Bundle("chats")
    replies = Bundle("replies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.path = Path(self.folder.name) / FILE_NAME
        self.store = Store(self.path, clock=self.clock)
        self.known: dict[str, Chat] = {}
        self.under_way: list[Reply] = []
        self.disk = mock.patch.object(rows, "write", self.full)
        self.is_full = False

    def teardown(self) -> None:
        if self.is_full:
            self.disk.stop()
        self.store.close()
        self.folder.cleanup()

    @staticmethod
    def full(*_: Any) -> None:
        raise StorageError("The disk is full.", "full")

    @rule(target=chats)
    def begin(self) -> Chat:
        chat = self.store.new_chat()
        self.known[chat.id] = chat
        return chat

    @rule(chat=chats, text=TEXTS)
    def ask(self, chat: Chat, text: str) -> None:
        chat.add_prompt(text)

    @rule(target=replies, chat=chats, data=st.data())
    def answer(self, chat: Chat, data: st.DataObject) -> Any:
        prompt = self.any_of(chat, data, "user")
        if prompt is None:
            return multiple()
        reply = chat.start_reply(prompt, RECIPE)
        self.under_way.append(reply)
        return reply

    @rule(target=replies, chat=chats, data=st.data())
    def go_on(self, chat: Chat, data: st.DataObject) -> Any:
        reply = self.any_of(chat, data, "assistant")
        if reply is None or reply.outcome is None:
            return multiple()
        written = chat.continue_reply(reply)
        self.under_way.append(written)
        return written

    @rule(reply=replies, text=TEXTS, seconds=st.sampled_from([0.1, 1.0]))
    def write(self, reply: Reply, text: str, seconds: float) -> None:
        self.clock.now += seconds
        reply.append(text)

    @rule(reply=consumes(replies))
    def end(self, reply: Reply) -> None:
        reply.end(OUTCOME)
        self.under_way.remove(reply)

    @rule(chat=chats, text=TEXTS, data=st.data())
    def edit(self, chat: Chat, text: str, data: st.DataObject) -> None:
        prompt = self.any_of(chat, data, "user")
        if prompt is not None:
            chat.edit_prompt(prompt, text)

    @rule(chat=chats, data=st.data())
    def select(self, chat: Chat, data: st.DataObject) -> None:
        message = self.any_of(chat, data)
        if message is not None:
            chat.select(message)
            assert message.id in {one.id for one in chat.path}

    @rule(chat=chats, data=st.data())
    def delete_message(self, chat: Chat, data: st.DataObject) -> None:
        message = self.any_of(chat, data)
        if message is not None:
            chat.delete_message(message)

    @rule(chat=chats, name=TEXTS)
    def rename(self, chat: Chat, name: str) -> None:
        chat.rename(name)

    @rule(chat=chats)
    def delete(self, chat: Chat) -> None:
        if not chat.deleted and self.store.has(chat.id):
            self.store.delete(chat.id)

    @rule()
    def undo(self) -> None:
        self.store.undo()

    @rule()
    def fill_or_free_the_disk(self) -> None:
        (self.disk.stop if self.is_full else self.disk.start)()
        self.is_full = not self.is_full

    @rule(search=st.sampled_from(["a", "ab", "b a", "c"]))
    def search(self, search: str) -> None:
        self.store.chats(search)

    @invariant()
    def the_file_says_what_the_screen_says(self) -> None:
        if self.is_full or self.store.failure is not None:
            return
        with Store(self.path) as other:
            listed = {chat.id for chat in other.chats()}
            for chat in self.known.values():
                is_kept = not chat.deleted and not chat.is_empty
                assert (chat.id in listed) == is_kept
                if is_kept:
                    self.compare(chat, other.chat(chat.id))

    def compare(self, chat: Chat, kept: Chat) -> None:
        assert (kept.title, kept.renamed) == (chat.title, chat.renamed)
        assert [one.id for one in kept.path] == [one.id for one in chat.path]
        writing = {reply.message.id for reply in self.under_way}
        for shown, read in zip(chat.tree, kept.tree, strict=True):
            # The last second of a reply may be missing.
            assert shown == read or (shown.id in writing and shown.content.startswith(read.content))

    def any_of(self, chat: Chat, data: st.DataObject, role: str | None = None) -> Message | None:
        some = [one for one in chat.tree if role in (None, one.role)]
        return data.draw(st.sampled_from(some)) if some else None


TestChats = Chats.TestCase
TestChats.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
