from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.conversation.archive import Archive
from medusa_chat.conversation.journal import SAVE_SECONDS, Journal
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import MedusaChatError

from .examples import OUTCOME, RECIPE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / FILE_NAME) as store:
        yield store


def saved(store: Store) -> list[str]:
    return [turn.content for turn in store.load(store.recent(1)[0].id).turns]


def test_nothing_is_saved_before_something_is_said(store: Store) -> None:
    Journal(store)
    assert store.recent(1) == []


def test_a_prompt_is_saved_when_it_is_sent(store: Store) -> None:
    Journal(store).add_prompt("Hello\nworld")
    assert saved(store) == ["Hello\nworld"]
    assert store.recent(1)[0].title == "Hello world"


def test_a_reply_is_saved_once_a_second_and_whole_at_its_end(store: Store) -> None:
    clock = Clock()
    journal = Journal(store, clock=clock)
    prompt = journal.add_prompt("Hello")
    journal.begin_reply(prompt, RECIPE)
    journal.extend_reply(prompt, "one")
    assert saved(store) == ["Hello", ""]
    clock.now += SAVE_SECONDS
    journal.extend_reply(prompt, " two")
    assert saved(store) == ["Hello", "one two"]
    journal.extend_reply(prompt, " three")
    assert saved(store) == ["Hello", "one two"]
    journal.end_reply(prompt, OUTCOME)
    assert saved(store) == ["Hello", "one two three"]
    assert store.load(store.recent(1)[0].id) == journal.conversation


def test_a_reply_stands_before_a_prompt_that_was_sent_meanwhile(store: Store) -> None:
    journal = Journal(store)
    first = journal.add_prompt("first")
    second = journal.add_prompt("second")
    for prompt, text in ((first, "one"), (second, "two")):
        journal.begin_reply(prompt, RECIPE)
        journal.extend_reply(prompt, text)
        journal.end_reply(prompt, OUTCOME)
    assert saved(store) == ["first", "one", "second", "two"]
    assert [turn.content for turn in journal.conversation.turns] == saved(store)


def test_only_prompts_that_were_answered_in_words_are_part_of_the_dialogue() -> None:
    journal = Journal(None)
    answered, failed, last = (journal.add_prompt(text) for text in ("one", "two", "three"))
    journal.begin_reply(answered, RECIPE)
    journal.extend_reply(answered, "reply")
    journal.end_reply(failed, OUTCOME)
    pairs = [(asked.content, reply.content) for asked, reply in journal.before(last)]
    assert pairs == [("one", "reply")]
    assert journal.text_of(last) == "three"


def test_half_a_surrogate_pair_can_be_kept(store: Store) -> None:
    Journal(store).add_prompt("a\ud83db")
    assert saved(store) == ["a?b"]


def test_a_conversation_goes_on_where_it_was_left(store: Store) -> None:
    journal = Journal(store)
    journal.begin_reply(journal.add_prompt("first"), RECIPE)
    journal.add_prompt("not answered")
    resumed = Journal.of(store, store.recent(1)[0].id)
    assert resumed.conversation == journal.conversation
    prompt = resumed.add_prompt("third")
    resumed.begin_reply(prompt, RECIPE)
    resumed.extend_reply(prompt, "reply")
    resumed.end_reply(prompt, OUTCOME)
    assert saved(store) == ["first", "", "not answered", "third", "reply"]
    assert len(store.recent(9)) == 1


def test_a_store_that_fails_stops_nothing_but_the_saving(store: Store) -> None:
    journal = Journal(store)
    store.close()
    prompt = journal.add_prompt("Hello")
    assert isinstance(journal.failure, MedusaChatError)
    assert FILE_NAME in str(journal.failure)
    journal.begin_reply(prompt, RECIPE)
    journal.extend_reply(prompt, "world")
    assert [turn.content for turn in journal.conversation.turns] == ["Hello", "world"]


def test_an_archive_that_cannot_be_opened_begins_conversations_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / FILE_NAME).write_text("no database " * 1000)
    archive = Archive(lambda: tmp_path)
    journal = archive.begin()
    assert FILE_NAME in str(journal.failure)
    journal.add_prompt("Hello")
    assert archive.recent(9) == []
    with pytest.raises(MedusaChatError, match="cannot be opened"):
        archive.resume(1)


def test_an_archive_without_a_folder_begins_conversations_all_the_same() -> None:
    def folder() -> Path:
        raise PermissionError(13, "Permission denied", "/nowhere")

    failure = Archive(folder).begin().failure
    assert "/nowhere" in str(failure)


def test_an_archive_tries_again_with_the_next_conversation(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("no database " * 1000)
    archive = Archive(lambda: tmp_path)
    assert archive.begin().failure is not None
    (tmp_path / FILE_NAME).unlink()
    journal = archive.begin()
    assert journal.failure is None
    journal.add_prompt("Hello")
    entry = archive.recent(9)[0]
    assert archive.resume(entry.id).conversation == journal.conversation
    archive.close()
