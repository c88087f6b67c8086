"""The chats: finding one, reading it beforehand, opening, renaming, deleting, exporting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.widgets import Input, OptionList

from medusa_chat.conversation import store as store_module
from medusa_chat.conversation.conversation import Outcome
from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.errors import StorageError
from medusa_chat.tui.chat_row import short_model, when
from medusa_chat.tui.screens.chats import PAGE_CHATS, ChatsScreen

from .driving import FIGURES, SIZES, Chat, begin_reply, chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write(home: Path, *talks: Sequence[str]) -> None:
    """Write chats: prompts and replies by turns, the first chat the oldest."""
    with Store(home / FILE_NAME) as store:
        for talk in talks:
            written = store.new_chat()
            for asked, said in zip(talk[::2], [*talk[1::2], None], strict=False):
                prompt = written.add_prompt(asked)
                if said is not None:
                    reply = written.start_reply(prompt)
                    reply.append(said)
                    reply.end(Outcome("eos"))


def listed(c: Chat) -> list[str]:
    """Return the titles in the list."""
    options = c.app.screen.query_one("#chats-list", OptionList)
    texts = [str(options.get_option_at_index(at).prompt) for at in range(options.option_count)]
    return [text.splitlines()[0] for text in texts]


def everything(c: Chat) -> str:
    """Return what the screen in front shows, the list apart."""
    screen = c.app.screen
    names = ("#chats-heading", "#chat-title", "#chat-preview")
    return "\n".join(str(screen.query_one(name).visual) for name in names)  # type: ignore[attr-defined]


async def opened(c: Chat) -> ChatsScreen:
    await c.until_shown("Medusa on")
    await c.pilot.press("ctrl+l")
    await c.until(lambda: isinstance(c.app.screen, ChatsScreen))
    await c.settle()
    screen = c.app.screen
    assert isinstance(screen, ChatsScreen)
    return screen


FOX = ("Tell me of a fox", "The quick brown fox jumped.", "And the dog?", "It slept.")
SEA = ("What is the sea?", "Water, [b]much[/b] of it.")


@pytest.mark.parametrize("size", [*SIZES, (60, 16)])
async def test_the_latest_chat_is_first_and_shown_beside(size: tuple[int, int], home: Path) -> None:
    write(home, FOX, SEA)
    async with chat(size=size) as c:
        await opened(c)
        assert listed(c) == ["What is the sea?", "Tell me of a fox"]
        assert "Water, [b]much[/b] of it." in everything(c)
        await c.pilot.press("down")
        await c.until(lambda: "It slept." in everything(c))
        assert "4 messages" in str(c.app.screen.query_one(OptionList).get_option_at_index(1).prompt)


async def test_searching_finds_messages_as_one_types(home: Path) -> None:
    write(home, FOX, SEA)
    async with chat() as c:
        await opened(c)
        await c.pilot.press(*"jump")
        await c.until(lambda: listed(c) == ["Tell me of a fox"])
        assert "1 found" in everything(c)
        option = c.app.screen.query_one(OptionList).get_option_at_index(0).prompt
        assert "The quick brown fox jumped." in str(option)
        assert [str(option)[span.start : span.end] for span in option.spans][-1] == "jump"  # type: ignore[union-attr]
        assert "And the dog?" in everything(c)
        await c.pilot.press(*" nowhere")
        await c.until(lambda: listed(c) == [])
        assert "No message and no title has all of these words." in everything(c)
        await c.pilot.press("escape")
        await c.until(lambda: len(listed(c)) == 2)
        await c.pilot.press("escape")
        assert c.app.screen is c.screen


async def test_a_chat_is_opened_and_gone_on_with(home: Path) -> None:
    write(home, FOX, SEA)
    async with chat() as c:
        await opened(c)
        await c.pilot.press("down", "enter")
        await c.until_shown("It slept.")
        await c.send("More")
        await c.until(lambda: c.engine.generates)
        assert [m.content for m in c.engine.generates[0].messages] == [*FOX, "More"]
        await opened(c)
        assert listed(c)[0] == "Tell me of a fox"
        assert "open" in str(c.app.screen.query_one(OptionList).get_option_at_index(0).prompt)


async def test_a_new_chat_is_begun(home: Path) -> None:
    write(home, FOX)
    async with chat() as c:
        await opened(c)
        await c.pilot.press("enter")
        await c.until_shown("It slept.")
        await opened(c)
        await c.pilot.press("ctrl+n")
        await c.until(lambda: c.app.screen is c.screen and "It slept." not in c.everything)


async def test_keys_of_the_search_are_taken_in_the_order_in_which_they_were_typed(
    home: Path,
) -> None:
    write(home, FOX, SEA)
    async with chat() as c:
        await opened(c)
        search = c.app.screen.query_one("#chats-search", Input)
        for key in ("a", "b", "left", "x", "backspace", "y"):
            c.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await c.until(lambda: search.value == "ayb")


async def test_a_title_is_edited_in_its_place_and_that_undone(home: Path) -> None:
    write(home, FOX, SEA)
    async with chat() as c:
        await opened(c)
        await c.pilot.press("f2")
        name = c.app.screen.query_one("#chat-name", Input)
        assert (name.display, name.value) == (True, "What is the sea?")
        name.value = "Se[a]\x1b[31m"
        await c.pilot.press("enter")
        await c.until(lambda: listed(c)[0].startswith("Se[a]"))
        assert not name.display
        assert c.app.screen.query_one("#chats-search").has_focus
        await c.pilot.press("f2", "x", "escape")
        assert not name.display
        assert listed(c)[0].startswith("Se[a]")
        await c.pilot.press("ctrl+z")
        await c.until(lambda: listed(c)[0] == "What is the sea?")


async def test_a_chat_is_deleted_after_a_question_and_brought_back(home: Path) -> None:
    write(home, FOX, SEA)
    async with chat() as c:
        await opened(c)
        await c.pilot.press("ctrl+d")
        await c.settle()
        await c.pilot.press("escape")
        await c.settle()
        assert len(listed(c)) == 2
        await c.pilot.press("ctrl+d")
        await c.settle()
        await c.pilot.press("enter")
        await c.until(lambda: listed(c) == ["Tell me of a fox"])
        assert "It slept." in everything(c)
        await c.pilot.press("ctrl+z")
        await c.until(lambda: listed(c) == ["What is the sea?", "Tell me of a fox"])
        await c.pilot.press("ctrl+z")
        await c.settle()
        assert len(listed(c)) == 2


async def test_the_chat_that_is_open_can_be_deleted_while_a_reply_is_written(home: Path) -> None:
    async with chat(ScriptedEngine(answer_by_itself=False)) as c:
        await begin_reply(c)
        await opened(c)
        await c.pilot.press("ctrl+d")
        await c.settle()
        await c.pilot.press("enter")
        await c.until(lambda: listed(c) == [])
        assert "There are no chats yet." in everything(c)
        await c.pilot.press("escape")
        await c.until(lambda: c.app.screen is c.screen and len(c.turns) == 1)
        c.engine.finish(c.engine.generates[0], "cancelled")
        c.engine.answer_by_itself = True
        await c.send("fresh")
        await c.until_shown(FIGURES)
    with Store(home / FILE_NAME) as store:
        assert [one.title for one in store.chats()] == ["fresh"]


async def test_a_chat_is_exported_from_the_list(home: Path, tmp_path: Path) -> None:
    write(home, FOX)
    async with chat() as c:
        await opened(c)
        await c.pilot.press("ctrl+s")
        await c.until(lambda: list(tmp_path.glob("*.md")))
        (path,) = tmp_path.glob("*.md")
        assert "The quick brown fox jumped." in path.read_text()


async def test_thousands_of_chats_are_read_page_by_page(home: Path) -> None:
    write(home, *((f"prompt {n}", f"reply {n}") for n in range(200)))
    async with chat() as c:
        screen = await opened(c)
        assert len(listed(c)) == PAGE_CHATS
        assert "and more" in everything(c)
        for _ in range(40):
            await c.pilot.press("pagedown")
        await c.until(lambda: len(listed(c)) == 200)
        await c.pilot.press(*["pagedown"] * 12)
        await c.until(lambda: screen.chosen is not None and screen.chosen.title == "prompt 0")
        assert listed(c) == [f"prompt {n}" for n in reversed(range(200))]
        assert "and more" not in everything(c)


async def test_no_chats_at_all_say_what_to_do() -> None:
    async with chat() as c:
        await opened(c)
        assert "There are no chats yet." in everything(c)
        await c.pilot.press("enter", "f2", "ctrl+d", "ctrl+s", "down", "ctrl+z")
        await c.settle()
        assert len(c.app.screen_stack) == 2
        await c.pilot.press("escape")
        assert c.app.screen is c.screen


async def test_a_store_that_fails_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, FOX)

    def fail(*_: object, **__: object) -> None:
        raise StorageError("The file cannot be read.", "failed")

    async with chat() as c:
        await opened(c)
        with monkeypatch.context() as trouble:
            trouble.setattr(store_module.Store, "chats", fail)
            await c.pilot.press("x")
            await c.until(lambda: "Error: The file cannot be read." in everything(c))
            assert listed(c) == []
        with monkeypatch.context() as trouble:
            trouble.setattr(store_module.Store, "chat", fail)
            await c.pilot.press("escape")
            await c.until(lambda: listed(c) == ["Tell me of a fox"])
            await c.until(lambda: "Error: The file cannot be read." in everything(c))
            await c.pilot.press("ctrl+s", "enter")
        await c.settle()


def test_times_and_models_are_said_shortly() -> None:
    now = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    here = now.astimezone()
    assert when(now, now) == f"{here:%H:%M}"
    assert when(now - timedelta(days=1), now) == f"yesterday {here:%H:%M}"
    assert when(now - timedelta(days=3), now).split()[0] in ("Sun", "Sat", "Mon")
    assert when(now - timedelta(days=30), now) == "2026-02-02"
    assert [short_model(name) for name in ("a/b", "/x/y/", "builtin", "")] == [
        "b",
        "y",
        "builtin",
        "",
    ]
