"""The keys that the program names are those that the user has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.configuration.file import Configuration
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import Failed
from medusa_chat.tui import key_names, words
from medusa_chat.tui.key_names import key
from medusa_chat.tui.meter import Readings
from medusa_chat.tui.preferences import Preferences
from medusa_chat.tui.widgets.gauges import WIDTH, line, panel

from .driving import begin_reply, chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    yield
    key_names.use({})


def test_a_command_is_named_by_its_first_key_else_by_its_name() -> None:
    assert (key("medusa"), key("restart"), key("theme")) == ("F2", "Ctrl+R", "/theme")
    key_names.use({"medusa": "ctrl+x,f2", "restart": ""})
    assert (key("medusa"), key("restart")) == ("Ctrl+X", "/restart")
    key_names.use({})
    assert key("medusa") == "F2"


def test_gauges_name_the_keys_that_the_user_has() -> None:
    key_names.use({"race": "ctrl+alt+shift+f12", "medusa": "f12"})
    rows = panel(Readings()).plain.split("\n")
    assert "Ctrl+Alt+Shift+F12" in "".join(rows)
    assert max(map(len, rows)) == WIDTH
    slow = Readings(slowdown=0.5, speed_up=0.5)
    assert "F12 turns it" in panel(slow).plain
    assert "F12 turns Medusa off" in line(slow).plain


async def test_notices_and_the_header_name_the_keys_that_the_user_has() -> None:
    keys: dict[str, object] = {
        "restart": "f12",
        "medusa": "ctrl+x,f2",
        "help": "ctrl+q,f1",
        "quit": "f7",
        "thinking": "f5",
        "fetch": "alt+x",
    }
    preferences = Preferences(Configuration(keys=keys))
    failing = ScriptedEngine(load_failure="It broke.")
    async with chat(failing, ScriptedEngine(), preferences=preferences, size=(120, 30)) as c:
        await c.until_shown(
            "Ctrl+X turns Medusa off and on, Ctrl+Q lists the keys.",
            "F12 starts the engine again",
            "not running, F12 starts it again",
        )
        await c.pilot.press("ctrl+r")
        await c.settle()
        assert not failing.closed
        await c.pilot.press("f12")
        await c.until_shown("builtin · float32 · cpu")
        await c.pilot.press("ctrl+x")
        await c.until_shown("○ Medusa off")


def test_what_helps_where_memory_ran_out_is_told_with_the_keys_that_the_user_has() -> None:
    key_names.use({"restart": "f12", "models": "alt+m", "new": ""})
    assert words.failed(Failed(1, "It broke.")) == "It broke."
    assert words.failed(Ended(3)) == str(Ended(3))
    short = words.failed(Failed(1, "No memory.", lacked_memory=True))
    assert short == (
        "No memory. F12 loads it anew, /new begins a new chat, Alt+M shows what takes less."
    )
    assert words.failed(Failed(None, "No memory.", lacked_memory=True)) == (
        "No memory. Alt+M shows what takes less."
    )
    for ended in (Ended(-9), Ended(1, lacked_memory=True)):
        assert words.failed(ended).endswith("fewer bits. Alt+M shows what takes less.")


async def test_a_reply_that_found_no_memory_is_told_with_keys() -> None:
    preferences = Preferences(Configuration(keys={"restart": "f12"}))
    async with chat(ScriptedEngine(answer_by_itself=False), preferences=preferences) as c:
        request = await begin_reply(c)
        c.engine.emit(Failed(request.reply_id, "Memory ran out.", lacked_memory=True))
        await c.until_shown("Error: Memory ran out. F12 loads it anew, Ctrl+N begins a new chat")
