from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa_chat.conversation.chat import Chat
from medusa_chat.conversation.chat_json import chats_json, copies, same
from medusa_chat.conversation.conversation import ChatSettings, Message, Outcome, Recipe
from medusa_chat.conversation.store import Store
from medusa_chat.conversation.tree import MessageTree
from medusa_chat.errors import MedusaChatError

from .examples import NOON, chat_with, say, texts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
RECIPES = st.builds(
    Recipe,
    *(TEXTS,) * 8,
    temperature=NUMBERS,
    top_p=NUMBERS,
    top_k=st.integers(),
    seed=st.integers(),
    max_new_tokens=st.integers(),
    system=st.none() | TEXTS,
    versions=st.dictionaries(TEXTS, TEXTS, max_size=2),
    draft=TEXTS,
    posterior_alpha=st.none() | NUMBERS,
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    raw=st.booleans(),
)
OUTCOMES = st.builds(
    Outcome,
    TEXTS,
    st.dictionaries(TEXTS, NUMBERS | st.lists(st.integers(), max_size=3) | st.none(), max_size=3),
    TEXTS,
)
SETTINGS = st.builds(
    ChatSettings,
    model=st.none() | TEXTS,
    system=st.none() | TEXTS,
    temperature=st.none() | NUMBERS,
    top_k=st.none() | st.integers(),
)


@st.composite
def trees(draw: st.DrawFn) -> MessageTree:
    """Draw messages, each of which follows any earlier one, or none."""
    messages = [
        Message(
            draw(st.sampled_from(["user", "assistant"])),
            draw(TEXTS),
            draw(TIMES),
            draw(st.none() | RECIPES),
            draw(st.none() | OUTCOMES),
            number,
            draw(st.none() | st.integers(1, number - 1)) if number > 1 else None,
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]
    tree = MessageTree(messages)
    for message in draw(st.lists(st.sampled_from(messages), max_size=3)):
        tree.select(message.id)
    return tree


@st.composite
def chats(draw: st.DrawFn, store: Store) -> Chat:
    return Chat(
        store,
        f"{draw(st.integers(0, 2**48 - 1)):012x}",
        draw(TIMES),
        title=draw(TEXTS),
        renamed=draw(st.booleans()),
        changed=draw(TIMES),
        settings=draw(SETTINGS),
        tree=draw(trees()),
    )


@settings(max_examples=40)
@given(st.data())
def test_what_is_exported_and_imported_is_exported_the_same(data: st.DataObject) -> None:
    with Store() as store:
        exported = chats_json(
            data.draw(
                st.lists(chats(store), min_size=1, max_size=2, unique_by=lambda chat: chat.id)
            )
        )
        assert json.loads(exported)["version"] == 1
        ids = [store.take_in(copy).id for copy in copies(exported, "file")]
        # As another program reads them from the database.
        store._open.clear()
        read = [store.chat(one) for one in ids]
        assert chats_json(read) == exported
        for chat, copy in zip(read, copies(exported, "file"), strict=True):
            assert same(chat, copy)
            other = store.take_in(copy, as_new=True)
            assert other.id != chat.id
            assert same(other, copy)
            assert chats_json([other]).replace(other.id, chat.id) == chats_json([chat])


def test_prompts_that_waited_are_numbered_behind_the_reply() -> None:
    with Store() as store:
        chat = store.new_chat()
        first, second = chat.add_prompt("one"), chat.add_prompt("two")
        chat.start_reply(first).end(Outcome("eos"))
        assert chat.message(second.id).parent != first.id
        (copy,) = copies(chats_json([chat]), "file")
        assert [message.content for message in copy.tree] == ["one", "", "two"]
        assert texts(store.take_in(copy, as_new=True)) == ["one", "", "two"]


def test_a_chat_that_went_on_is_not_the_same() -> None:
    with Store() as store:
        chat = chat_with(store, "one", "1")
        (copy,) = copies(chats_json([chat]), "file")
        assert same(chat, copy)
        say(chat, "two", "2")
        assert not same(chat, copy)


def example() -> dict[str, Any]:
    with Store() as store:
        chat = chat_with(store, "one", "1")
        chat.edit_prompt(chat.path[0], "uno")
        loaded: dict[str, Any] = json.loads(chats_json([chat]))
        return loaded


def message(index: int, **changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["chats"][0]["messages"][index].update(changes)


def chat(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["chats"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (lambda content: content.update(format="other"), 2, "only what|Only what"),
        (lambda content: content.update(version=2), 3, "Update medusa-chat"),
        (lambda content: content.pop("chats"), 1, '"chats" is missing'),
        (lambda content: content.update(more=1), None, '"more" is not known'),
        (chat(title=3), 7, '"title" should be a text'),
        (chat(id="../x"), 6, "small letters and digits"),
        (chat(created="yesterday"), 9, "a time with a zone"),
        (chat(created="2026-01-01"), 9, "a time with a zone"),
        (chat(created="9999-12-31T23:59:59+00:00"), 9, "a time with a zone"),
        (chat(messages=[]), 23, "no messages"),
        (chat(renamed=1), 8, "true or false"),
        (message(0, number=2), 25, "should be 1"),
        (message(0, parent=1), 26, "an earlier message"),
        (message(1, parent=True), None, "an earlier message"),
        (message(0, role="system"), 28, '"user" or "assistant"'),
        (message(0, content=None), 29, '"content" should be a text'),
        (message(0, active=True), None, "two messages with one parent"),
        (message(1, recipe={"model": "x"}), None, '"base_model" is missing'),
        (message(1, outcome={"stop_reason": 1, "figures": {}, "figures_line": ""}), None, "text"),
        (message(1, outcome=[]), None, '"outcome" should be an object'),
    ],
)
def test_what_is_not_ours_is_refused_with_line_and_reason(
    change: Callable[[dict[str, Any]], object], line: int | None, reason: str
) -> None:
    content = example()
    change(content)
    with pytest.raises(MedusaChatError, match=reason) as refused:
        copies(json.dumps(content, indent=1), "chats.json")
    said = str(refused.value)
    assert said.startswith("chats.json, line ")
    if line is not None:
        assert said.startswith(f"chats.json, line {line}: ")


@pytest.mark.parametrize("text", ["", "no", "{", '{"a": 1,\n}', "[" * 100_000, "\x00", "3", "[]"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(MedusaChatError, match=r"^file"):
        copies(text, "file")


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.integers() | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    )
)
def test_any_json_is_refused_in_words(value: object) -> None:
    with pytest.raises(MedusaChatError, match=r"^file, line 1: "):
        copies(json.dumps(value), "file")


def test_times_of_other_zones_are_the_same_times() -> None:
    content = example()
    chat(created="2026-03-04T13:00:00+01:00")(content)
    (copy,) = copies(json.dumps(content), "file")
    assert copy.created == NOON
