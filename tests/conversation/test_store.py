from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command_line import environment

from medusa_chat.conversation import rows
from medusa_chat.conversation.conversation import Outcome
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import StorageError, UsageError

from .examples import OUTCOME, RECIPE, chat_with, say, texts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


def test_chats_are_listed_by_when_something_was_last_said(store: Store) -> None:
    first = chat_with(store, "first", "1")
    second = chat_with(store, "second", "<think>2?</think>The second   answer")
    latest, before = store.chats()
    assert (latest.id, before.id) == (second.id, first.id)
    assert (latest.title, latest.messages, latest.model) == ("second", 2, "builtin")
    assert latest.preview is not None
    assert latest.preview.text == "The second answer"
    first.add_prompt("again")
    assert [chat.id for chat in store.chats(limit=1)] == [first.id]
    last = store.last()
    assert last is not None
    assert last.id == first.id
    # To rename a chat is to say nothing in it.
    second.rename("zweiter")
    assert [chat.title for chat in store.chats()] == ["first", "zweiter"]


def test_a_store_without_chats_has_no_last_one(store: Store) -> None:
    assert store.last() is None
    assert store.chats("anything") == []
    assert store.prompts() == []


def test_a_chat_is_found_by_id_beginning_of_it_or_title(store: Store) -> None:
    fox = chat_with(store, "A story about a fox", "1")
    bear = chat_with(store, "A story about a bear", "2")
    for reference in (fox.id, fox.id[:8], "FOX", "about a fox", "a story about a fox"):
        assert store.find(reference).id == fox.id
    with pytest.raises(UsageError, match=f"2 chats: .*{bear.id}"):
        store.find("story")
    for unknown in ("zebra", "", " "):
        with pytest.raises(UsageError, match="No chat is called"):
            store.find(unknown)
    chat_with(store, "fox", "3")
    assert store.find("fox").title == "fox"


def test_an_unknown_chat_is_an_error_in_words(store: Store) -> None:
    with pytest.raises(UsageError, match="no chat 123"):
        store.chat("123")
    with pytest.raises(UsageError, match="no chat 123"):
        store.delete("123")


def test_a_deleted_chat_is_gone_from_the_file_until_that_is_undone(
    store: Store, path: Path
) -> None:
    chat = chat_with(store, "a secret word", "yes", "two", "2")
    chat.edit_prompt(chat.path[2], "zwei")
    other = chat_with(store, "other", "1")
    assert [found.id for found in store.chats("secret")] == [chat.id]
    store.delete(chat.id)
    assert [left.id for left in store.chats()] == [other.id]
    assert store.chats("secret") == []
    with closing(sqlite3.connect(path)) as database:
        for table in ("message", "message_words"):
            (count,) = database.execute(
                f"SELECT count(*) FROM {table} WHERE content LIKE '%secret%'"
            ).fetchone()
            assert count == 0
    # What still writes to it writes to memory.
    chat.add_prompt("too late")
    assert len(store.chats()) == 1
    undone = store.undo()
    assert undone is not None
    assert undone.chat_id == chat.id
    with Store(path) as again:
        assert texts(again.chat(chat.id)) == ["a secret word", "yes", "zwei", "too late"]
    assert [found.id for found in store.chats("secret")] == [chat.id]


def test_changes_of_a_deleted_chat_are_not_undone(store: Store) -> None:
    chat = chat_with(store, "one", "1")
    chat.rename("uno")
    store.delete(chat.id)
    assert store.undo() is not None
    assert store.chats()[0].title == "uno"
    assert store.undo() is not None
    assert store.chats()[0].title == "one"
    store.rename(chat.id, "eins")
    assert store.chats()[0].title == "eins"


def test_prompts_of_all_chats_come_latest_first_and_none_twice(store: Store) -> None:
    chat_with(store, "one", "1", "two", "2")
    chat_with(store, "three", "3", "one", "1")
    assert store.prompts() == ["one", "three", "two"]
    assert store.prompts(limit=1) == ["one"]


def test_what_cannot_be_saved_is_kept_and_saved_later(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_with(store, "one", "1")
    with monkeypatch.context() as trouble:

        def full(*_: object) -> None:
            raise StorageError("The disk is full.", "full")

        trouble.setattr(rows, "write", full)
        fresh = chat_with(store, "fresh", "new")
        failure = store.failure
        assert isinstance(failure, StorageError)
        say(chat, "two", "2")
        # Told once: it is the same one all the time.
        assert store.failure is failure
        assert texts(chat) == ["one", "1", "two", "2"]
        # To open it anew brings back no older state.
        assert store.chat(chat.id) is chat
        assert texts(chat) == ["one", "1", "two", "2"]
    key = fresh.id
    del fresh
    chat.add_prompt("three")
    assert not store.failure
    with Store(path) as again:
        assert texts(again.chat(chat.id)) == ["one", "1", "two", "2", "three"]
        assert texts(again.chat(key)) == ["fresh", "new"]


def test_a_row_that_makes_no_sense_is_an_error_that_names_the_file(
    store: Store, path: Path
) -> None:
    chat = chat_with(store, "one", "1")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE message SET created = 'yesterday'")
    with pytest.raises(StorageError, match=f"{FILE_NAME} cannot be read.*yesterday"):
        store.chat(chat.id)


def test_fields_of_a_later_program_are_passed_over(store: Store, path: Path) -> None:
    chat = chat_with(store, "one", "1")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE message SET recipe = json_set(recipe, '$.novelty', 1)")
    assert store.chat(chat.id).path[1].recipe == RECIPE


def test_in_memory_everything_is_the_same_but_the_file(tmp_path: Path) -> None:
    with Store() as store:
        chat = chat_with(store, "one", "1")
        assert store.is_ephemeral
        assert store.failure is None
        assert texts(store.chat(chat.id)) == ["one", "1"]
        assert len(store.chats("one")) == 1
        store.delete(chat.id)
        store.undo()
        assert store.prompts() == ["one"]
    assert list(tmp_path.iterdir()) == []


def test_two_windows_write_in_one_chat(store: Store, path: Path) -> None:
    chat = chat_with(store, "one", "1")
    with Store(path) as other:
        theirs = other.chat(chat.id)
        say(theirs, "their", "2")
        say(chat, "mine", "3")
        assert texts(theirs) == ["one", "1", "their", "2"]
        assert texts(chat) == ["one", "1", "mine", "3"]
        assert texts(other.chat(chat.id)) == ["one", "1", "mine", "3"]
        assert len(other.chat(chat.id).siblings(theirs.path[2])) == 2
        # One window deletes what the other goes on with: what was said is all there.
        other.delete(chat.id)
        say(chat, "more", "4")
        assert texts(store.chat(chat.id)) == ["one", "1", "mine", "3", "more", "4"]


def test_a_chat_that_another_window_went_on_with_is_deleted_no_longer(
    store: Store, path: Path
) -> None:
    chat = chat_with(store, "one", "1")
    with Store(path) as other:
        theirs = other.chat(chat.id)
        store.delete(chat.id)
        chat.add_prompt("unheard")
        with pytest.raises(UsageError, match="no chat"):
            store.chat(chat.id)
        say(theirs, "two", "2")
        assert texts(store.chat(chat.id)) == ["one", "1", "two", "2"]
        say(chat, "three", "3")
        assert texts(other.chat(chat.id)) == ["one", "1", "two", "2", "three", "3"]


def test_a_branch_that_another_window_deleted_comes_back_with_what_is_said_in_it(
    store: Store, path: Path
) -> None:
    chat = chat_with(store, "one", "1", "two", "2")
    with Store(path) as other:
        theirs = other.chat(chat.id)
        theirs.delete_message(theirs.path[2])
        say(chat, "three", "3")
        assert texts(other.chat(chat.id)) == ["one", "1", "two", "2", "three", "3"]


WRITER = """
import sys
from pathlib import Path
from medusa_chat.conversation.conversation import Recipe
from medusa_chat.conversation.store import Store
store = Store(Path(sys.argv[1]))
chat = store.new_chat()
reply = chat.start_reply(chat.add_prompt("the last prompt"))
print(chat.id, flush=True)
for line in sys.stdin:
    reply.append(line)
    print("written", flush=True)
"""


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a program that writes a reply, a line when it is given one."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    yield process
    process.kill()
    process.communicate()


def write(writer: subprocess.Popen[str], line: str) -> None:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(line)
    writer.stdin.flush()
    assert writer.stdout.readline() == "written\n"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
def test_after_a_kill_a_second_of_a_reply_is_missing_and_nothing_else(
    writer: subprocess.Popen[str], path: Path
) -> None:
    assert writer.stdout is not None
    chat_id = writer.stdout.readline().strip()
    lines: list[str] = []
    with Store(path) as meanwhile:
        # It is being written as long as its program lives, also for who starts meanwhile.
        while not texts(meanwhile.chat(chat_id))[-1]:
            lines.append(f"line {len(lines)}\n")
            write(writer, lines[-1])
            os.sched_yield()
        assert meanwhile.chat(chat_id).path[-1].outcome is None
    write(writer, "within the last second\n")
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    with Store(path) as store:
        prompt, reply = store.chat(chat_id).path
    assert prompt.content == "the last prompt"
    written = "".join(lines)
    # The second line only if the machine stood still for a second in between.
    assert reply.content in (written, written + "within the last second\n")
    assert reply.outcome == Outcome("interrupted")
    assert reply.outcome.ending == "interrupted"


def test_two_programs_write_at_once_and_lose_nothing(
    writer: subprocess.Popen[str], store: Store
) -> None:
    assert writer.stdout is not None
    theirs = writer.stdout.readline().strip()
    chat = store.new_chat()
    for number in range(60):
        write(writer, f"{number}\n")
        say(chat, f"prompt {number}", f"reply {number}")
    assert store.failure is None
    assert len(texts(chat)) == 120
    assert store.chat(theirs).path[-1].outcome is None
    reply = chat.start_reply(chat.path[-2], RECIPE)
    reply.end(OUTCOME)
    assert {one.id for one in store.chats()} == {theirs, chat.id}
