"""What is above a cut stays in the chat, and is sent no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_chat.conversation.chat_json import chats_json, copies
from medusa_chat.conversation.conversation import Cut
from medusa_chat.conversation.store import FILE_NAME, Store

from .examples import chat_with, texts

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_chat.conversation.chat import Chat
    from medusa_chat.conversation.conversation import Message

TALK = ("one", "1", "two", "2", "three", "3")


def sent(chat: Chat, prompt: Message | None) -> list[str]:
    return [asked.content for asked, _ in chat.dialogue_before(prompt)]


def test_nothing_above_the_last_cut_is_sent(tmp_path: Path) -> None:
    with Store(tmp_path / FILE_NAME) as store:
        chat = chat_with(store, *TALK)
        last = chat.add_prompt("four")
        assert sent(chat, last) == ["one", "two", "three"]
        assert chat.cut_above(last) is None
        chat.set_cut(chat.path[2], Cut())
        assert sent(chat, last) == sent(chat, None) == ["two", "three"]
        chat.set_cut(last, Cut("a summary"))
        assert sent(chat, last) == []
        assert chat.cut_above(last) == chat.message(last.id)
        assert sent(chat, chat.path[4]) == ["two"]
        assert texts(chat) == ["one", "1", "two", "2", "three", "3", "four"]


def test_a_cut_is_kept_in_the_file_and_in_json(tmp_path: Path) -> None:
    with Store(tmp_path / FILE_NAME) as store:
        chat = chat_with(store, *TALK)
        chat.set_cut(chat.path[2], Cut("What was said."))
        chat.set_cut(chat.path[4], Cut())
        cuts = [message.cut for message in chat.path]
        written = chats_json([chat])
    with Store(tmp_path / FILE_NAME) as store:
        again = store.chat(store.chats()[0].id)
        assert [message.cut for message in again.path] == cuts
        assert chats_json([again]) == written
    (copy,) = copies(written, "chat.json")
    assert [message.cut for message in copy.tree.path] == cuts
    assert written.count('"cut"') == 2


def test_a_cut_can_be_undone(tmp_path: Path) -> None:
    with Store(tmp_path / FILE_NAME) as store:
        chat = chat_with(store, *TALK)
        chat.set_cut(chat.path[2], Cut())
        chat.set_cut(chat.path[2], Cut("better"))
        undone = store.undo()
        assert undone is not None
        assert undone.what == "what is not sent"
        assert [message.cut for message in chat.path] == [None, None, Cut(), None, None, None]
        store.undo()
        assert [message.cut for message in chat.path] == [None] * 6
        chat.set_cut(chat.path[4], Cut())
        chat.delete_message(chat.path[4])
        store.undo()
        store.undo()
        assert chat.path[4].cut is None


def test_an_edited_prompt_keeps_what_is_not_sent(tmp_path: Path) -> None:
    with Store(tmp_path / FILE_NAME) as store:
        chat = chat_with(store, *TALK)
        chat.set_cut(chat.path[2], Cut("short"))
        assert chat.edit_prompt(chat.path[2], "other").cut == Cut("short")
        assert chat.message(chat.path[2].id).cut == Cut("short")
