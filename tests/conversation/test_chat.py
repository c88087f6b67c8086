from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa_chat.conversation.chat import SAVE_SECONDS, Chat
from medusa_chat.conversation.conversation import ChatSettings, Outcome
from medusa_chat.conversation.store import FILE_NAME, Store

from .examples import OUTCOME, RECIPE, Clock, chat_with, say, texts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / FILE_NAME) as store:
        yield store


def again(store: Store, chat: Chat) -> Chat:
    """Return the chat as another program reads it from the file."""
    assert store.path is not None
    with Store(store.path) as other:
        return other.chat(chat.id)


def saved(store: Store, chat: Chat) -> list[str]:
    return texts(again(store, chat))


def test_nothing_is_saved_before_something_is_said(store: Store) -> None:
    chat = store.new_chat(ChatSettings(temperature=0.2))
    chat.rename("A name")
    assert store.chats() == []
    chat.add_prompt("Hello")
    kept = again(store, chat)
    assert (kept.title, kept.settings) == ("A name", ChatSettings(temperature=0.2))


def test_what_is_said_is_saved_with_all_that_belongs_to_it(store: Store) -> None:
    chat = chat_with(store, "héllo 日本\x00\n", "world")
    kept = again(store, chat)
    assert kept.path == chat.path
    assert kept.path[1].recipe == RECIPE
    assert kept.path[1].outcome == OUTCOME
    assert (kept.title, kept.created) == ("héllo 日本", chat.created)
    assert kept.conversation == chat.conversation


def test_a_prompt_is_saved_when_it_is_sent(store: Store) -> None:
    chat = store.new_chat()
    chat.add_prompt("Hello\nworld")
    assert saved(store, chat) == ["Hello\nworld"]
    assert again(store, chat).title == "Hello"


def test_a_reply_is_saved_once_a_second_and_whole_at_its_end(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path / FILE_NAME, clock=clock)
    chat = store.new_chat()
    reply = chat.start_reply(chat.add_prompt("Hello"), RECIPE)
    reply.append("one")
    assert saved(store, chat) == ["Hello", ""]
    clock.now += SAVE_SECONDS
    reply.append(" two")
    assert saved(store, chat) == ["Hello", "one two"]
    reply.append(" three")
    assert saved(store, chat) == ["Hello", "one two"]
    assert texts(chat) == ["Hello", "one two three"]
    ended = reply.end(OUTCOME)
    assert saved(store, chat) == ["Hello", "one two three"]
    assert chat.path[-1] == ended
    store.close()


def test_what_came_before_a_halt_is_saved_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    with Store(tmp_path / FILE_NAME, clock=clock) as store:
        chat = store.new_chat()
        reply = chat.start_reply(chat.add_prompt("Hello"), RECIPE)
        reply.append("one")
        reply.save_if_due()
        assert saved(store, chat) == ["Hello", ""]
        clock.now += SAVE_SECONDS
        reply.save_if_due()
        assert saved(store, chat) == ["Hello", "one"]


def test_a_reply_stands_before_prompts_that_were_sent_meanwhile(store: Store) -> None:
    chat = store.new_chat()
    first, second, third = (chat.add_prompt(text) for text in ("first", "second", "third"))
    assert texts(chat) == ["first", "second", "third"]
    for prompt, text in ((first, "one"), (second, "two"), (third, "three")):
        reply = chat.start_reply(chat.message(prompt.id), RECIPE)
        reply.append(text)
        reply.end(OUTCOME)
    assert texts(chat) == ["first", "one", "second", "two", "third", "three"]
    assert saved(store, chat) == texts(chat)


def test_only_prompts_that_were_answered_in_words_are_part_of_the_dialogue(store: Store) -> None:
    chat = store.new_chat()
    answered, failed, last = (chat.add_prompt(text) for text in ("one", "two", "three"))
    reply = chat.start_reply(answered, RECIPE)
    reply.append("reply")
    reply.end(OUTCOME)
    chat.start_reply(chat.message(failed.id)).end(Outcome("failed"))
    last = chat.message(last.id)
    pairs = [(asking.content, reply.content) for asking, reply in chat.dialogue_before(last)]
    assert pairs == [("one", "reply")]


def test_an_edited_prompt_is_a_sibling_and_the_chat_goes_on_from_it(store: Store) -> None:
    chat = chat_with(store, "one", "1", "two", "2")
    first, _, second, _ = chat.path
    edited = chat.edit_prompt(second, "zwei")
    assert texts(chat) == ["one", "1", "zwei"]
    assert chat.siblings(edited) == (second, edited)
    chat.start_reply(edited, RECIPE).end(OUTCOME)
    chat.select(second)
    assert saved(store, chat) == ["one", "1", "two", "2"]
    chat.select(edited)
    assert saved(store, chat) == ["one", "1", "zwei", ""]
    chat.edit_prompt(first, "uno\ndos")
    assert saved(store, chat) == ["uno\ndos"]
    assert again(store, chat).title == "uno"


def test_each_branch_remembers_where_it_was(store: Store) -> None:
    chat = chat_with(store, "one", "1", "two", "2")
    first, _, second, _ = chat.path
    chat.edit_prompt(second, "zwei")
    chat.edit_prompt(first, "uno")
    chat.select(first)
    assert texts(chat) == ["one", "1", "zwei"]
    assert saved(store, chat) == ["one", "1", "zwei"]


def test_a_second_reply_is_a_sibling(store: Store) -> None:
    chat = chat_with(store, "one", "1", "two", "2")
    prompt, first = chat.path[:2]
    reply = chat.start_reply(prompt, RECIPE)
    reply.append("I")
    second = reply.end(OUTCOME)
    assert texts(chat) == ["one", "I"]
    assert chat.siblings(second) == (first, second)
    chat.select(first)
    assert saved(store, chat) == ["one", "1", "two", "2"]


def test_a_reply_does_not_call_back_who_reads_another_branch(store: Store) -> None:
    chat = store.new_chat()
    prompt = chat.add_prompt("one")
    other = chat.edit_prompt(prompt, "uno")
    reply = chat.start_reply(prompt, RECIPE)
    reply.append("1")
    reply.end(OUTCOME)
    assert chat.path == (other,)
    chat.select(prompt)
    assert saved(store, chat) == ["one", "1"]


def test_a_stopped_reply_is_gone_on_with(store: Store) -> None:
    chat = store.new_chat()
    _, stopped = say(chat, "Count", "one", Outcome("cancelled"))
    assert stopped.outcome is not None
    assert stopped.outcome.ending == "stopped"
    reply = chat.continue_reply(stopped)
    assert again(store, chat).path[-1].outcome is None
    reply.append(" two")
    reply.end(OUTCOME)
    assert saved(store, chat) == ["Count", "one two"]
    assert again(store, chat).path[-1].outcome == OUTCOME


def test_a_message_is_deleted_with_what_follows_and_brought_back(store: Store) -> None:
    chat = chat_with(store, "one", "1", "two", "2")
    chat.edit_prompt(chat.path[2], "zwei")
    before = chat.path
    chat.delete_message(chat.path[1])
    assert saved(store, chat) == ["one"]
    undone = store.undo()
    assert undone is not None
    assert (undone.what, undone.chat_id) == ("the deletion", chat.id)
    assert chat.path == before
    assert again(store, chat).path == before
    everything = [message.content for message in again(store, chat).tree]
    assert everything == ["one", "1", "two", "2", "zwei"]


def test_a_chat_whose_first_message_is_deleted_leaves_the_list_until_that_is_undone(
    store: Store,
) -> None:
    chat = chat_with(store, "one", "1")
    chat.delete_message(chat.path[0])
    assert store.chats() == []
    store.undo()
    assert saved(store, chat) == ["one", "1"]


def test_a_reply_that_is_deleted_while_it_is_written_stays_deleted(store: Store) -> None:
    chat = store.new_chat()
    reply = chat.start_reply(chat.add_prompt("Hello"), RECIPE)
    chat.delete_message(reply.message)
    reply.append("too late")
    reply.end(OUTCOME)
    assert saved(store, chat) == ["Hello"]


def test_edits_and_second_replies_are_undone_by_going_back(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    prompt, first = chat.path
    chat.start_reply(prompt, RECIPE).end(OUTCOME)
    chat.edit_prompt(prompt, "uno")
    assert texts(chat) == ["uno"]
    assert again(store, chat).title == "uno"
    store.undo()
    assert texts(chat) == ["one", ""]
    assert again(store, chat).title == "one"
    store.undo()
    assert chat.path == (prompt, first)
    assert len(chat.siblings(first)) == 2
    assert store.undo() is None


def test_a_title_given_by_hand_stays_and_can_be_taken_back(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    chat.rename("  My\nchat\x1b[31m ")
    assert again(store, chat).title == "My chat [31m"
    chat.edit_prompt(chat.path[0], "uno")
    assert again(store, chat).title == "My chat [31m"
    store.undo()
    assert again(store, chat).title == "My chat [31m"
    store.undo()
    assert again(store, chat).title == "one"
    chat.edit_prompt(chat.path[0], "due")
    chat.rename("Mine")
    store.undo()
    assert again(store, chat).title == "due"
    chat.edit_prompt(chat.path[0], "due")
    assert again(store, chat).title == "due"
    chat.rename(" ")
    assert chat.title == "Untitled"


def test_a_prompt_that_was_not_asked_yet_is_withdrawn_for_good(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    chat.withdraw(chat.add_prompt("never mind"))
    assert texts(chat) == saved(store, chat) == ["one", "1"]
    assert store.undo() is None


def test_prompts_behind_one_that_is_withdrawn_stay(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    second, third = chat.add_prompt("two"), chat.add_prompt("three")
    chat.add_prompt("four")
    chat.withdraw(third)
    assert texts(chat) == saved(store, chat) == ["one", "1", "two", "four"]
    chat.withdraw(second)
    assert texts(chat) == saved(store, chat) == ["one", "1", "four"]
    first = store.new_chat()
    begun = first.add_prompt("one")
    first.add_prompt("two")
    first.withdraw(begun)
    assert texts(first) == saved(store, first) == ["two"]


def test_settings_of_a_chat_are_kept(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    settings = ChatSettings("builtin", system="Be brief.", temperature=0.0, top_k=5)
    chat.set_settings(settings)
    assert again(store, chat).settings == settings


def test_half_a_surrogate_pair_can_be_kept(store: Store) -> None:
    chat = chat_with(store, "a\ud83db", "\udc00")
    assert saved(store, chat) == ["a?b", "?"]


def test_a_chat_goes_on_where_it_was_left(store: Store) -> None:
    chat = chat_with(store, "first", "1")
    chat.add_prompt("not answered")
    assert store.path is not None
    with Store(store.path) as later:
        resumed = later.chat(chat.id)
        say(resumed, "third", "3")
    assert saved(store, chat) == ["first", "1", "not answered", "third", "3"]
    # The window that has it open still sees it when it opens it anew.
    assert texts(store.chat(chat.id)) == ["first", "1", "not answered", "third", "3"]
    assert store.chat(chat.id) is chat
