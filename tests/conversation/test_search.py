from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from medusa_chat.conversation import search as search_module
from medusa_chat.conversation.store import FILE_NAME, Store

from .examples import OUTCOME, RECIPE, chat_with


@pytest.fixture(params=["full text", "without it"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    if request.param == "without it":
        monkeypatch.setattr(search_module, "_has_full_text", lambda: False)
    with Store(tmp_path / FILE_NAME) as store:
        yield store


def found(store: Store, search: str) -> list[str]:
    return [chat.title for chat in store.chats(search)]


def test_messages_and_titles_are_searched(store: Store) -> None:
    chat_with(store, "Tell me of foxes", "The Quick brown fox jumps.", "More", "Straße, café.")
    chat_with(store, "Bears", "Der Fuchs schläft.")
    assert found(store, "") == ["Bears", "Tell me of foxes"]
    assert found(store, "quick") == ["Tell me of foxes"]
    assert found(store, "qui FOX") == ["Tell me of foxes"]
    assert found(store, "cafe") == ["Tell me of foxes"]
    assert found(store, "schlaft") == ["Bears"]
    assert found(store, "straße") == ["Tell me of foxes"]
    assert found(store, "bear") == ["Bears"]
    assert found(store, "quick bears") == []
    assert found(store, "zebra") == []


def test_what_is_no_plain_word_is_found_as_it_stands(store: Store) -> None:
    chat_with(store, "C++", "std::vector<int> costs 50% more_or_less")
    chat_with(store, "漢字", "今日は日本語です")
    for search in ("c++", "::vec", "50%", "e_or_l", "<int>", 'costs "'.strip(' "')):
        assert found(store, search) == ["C++"], search
    assert found(store, "日本") == ["漢字"]
    for search in ('"', "NOT (", "more%less", "*", "a OR b", "title:x"):
        assert found(store, search) == [], search


def test_the_place_is_shown_with_the_words_marked(store: Store) -> None:
    chat = chat_with(store, "fox?", "word " * 100 + "then the FOX\nslept " + "word " * 100)
    (summary,) = store.chats("fox sle")
    assert summary.found == chat.path[1].id
    assert summary.preview is not None
    text = summary.preview.text
    assert [text[begin:end] for begin, end in summary.preview.marks] == ["FOX", "sle"]
    assert text.startswith("…")
    assert text.endswith("…")
    assert "FOX slept" in text


def test_what_changes_is_found_as_it_is_now(store: Store) -> None:
    chat = chat_with(store, "one", "apple")
    assert found(store, "apple") == ["one"]
    reply = chat.continue_reply(chat.path[1])
    reply.append(" pear")
    reply.end(OUTCOME)
    assert found(store, "pear") == found(store, "apple") == ["one"]
    chat.delete_message(chat.path[1])
    assert found(store, "apple") == []
    store.undo()
    assert found(store, "pear") == ["one"]


def test_a_reply_is_searched_once_it_is_over(store: Store) -> None:
    chat = store.new_chat()
    reply = chat.start_reply(chat.add_prompt("Hello"), RECIPE)
    reply.append("needle")
    found(store, "needle")
    reply.end(OUTCOME)
    assert found(store, "needle") == ["Hello"]


def test_a_file_that_was_used_without_full_text_search_is_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE_NAME
    with Store(path) as store:
        chat_with(store, "first", "apple")
        assert found(store, "apple") == ["first"]
    with monkeypatch.context() as poor:
        poor.setattr(search_module, "_has_full_text", lambda: False)
        with Store(path) as store:
            chat_with(store, "second", "apple pear")
            store.delete(store.chats("first")[0].id)
    with Store(path) as store:
        assert found(store, "apple") == ["second"]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM message WHERE indexed = 0").fetchone() == (0,)
