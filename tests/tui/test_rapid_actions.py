"""Keys pressed faster than anything can follow, in any order: the chats stay whole, one engine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import Cancel, Failed, Generate, Overflow, Request

from .driving import Chat, chat
from .scripted_engine import ScriptedEngine

KEYS = {
    "toggle": ("f2",),
    "stop": ("escape",),
    "retry": ("ctrl+y",),
    "older": ("alt+left",),
    "newer": ("alt+right",),
    "go to": ("alt+up",),
    "new chat": ("ctrl+n",),
    "go on": ("alt+g",),
    "undo": ("ctrl+z",),
    "edit": ("alt+e", "x", "enter"),
    "edit, then not": ("alt+e", "escape"),
    "details": ("alt+i", "s"),
    "room": ("alt+o", "enter"),
    "restart": ("ctrl+r",),
    "send": ("a", "enter"),
    "take back": ("up",),
}
ENGINE = ("begin", "write", "finish", "fail", "overflow", "die")
ACTIONS = st.sampled_from([*KEYS, *ENGINE, "begin", "write", "finish", "send", "send", "earlier"])


@dataclass
class Slow(ScriptedEngine):
    """Does each thing only when it is told to; never two replies at once."""

    asked: Generate | None = None
    begun: bool = False
    dead: bool = False

    def send(self, request: Request) -> None:
        if self.dead:
            return  # nobody has noticed yet: what is sent is lost
        if isinstance(request, Generate):
            assert self.asked is None, "a second reply before the first one ended"
            self.asked, self.begun = request, False
        super().send(request)
        if isinstance(request, Cancel) and self.asked and request.reply_id == self.asked.reply_id:
            self.asked = None

    def do(self, what: str) -> None:
        request = self.asked
        if what == "die" and not self.dead:
            self.dead, self.asked = True, None
            self.emit(Ended(-9))
        elif request is None:
            return
        elif what == "begin" and not self.begun:
            self.begun = True
            self.start(request)
        elif what == "write" and self.begun:
            self.write(request, (("word ",),))
        elif what == "finish" and self.begun:
            self.asked = None
            self.finish(request)
        elif what == "fail":
            self.asked = None
            self.emit(Failed(request.reply_id, "No memory."))
        elif what == "overflow" and not self.begun:
            self.asked = None
            over = Overflow(3000, 2048, 2 * ((len(request.messages) - 1) // 2))
            self.emit(Failed(request.reply_id, "Too long.", context_full=True, overflow=over))


def running(c: Chat) -> Slow:
    """Return the engine that is in use: all others that began are closed."""
    engine = c.screen._link._engine
    assert isinstance(engine, Slow)
    assert all(one.closed for one in c.engines if one.requests and one is not engine)
    return engine


async def do(c: Chat, action: str) -> None:
    if action in KEYS:
        await c.pilot.press(*KEYS[action])
    elif action == "earlier":
        if chats := c.screen.recent_chats():
            c.screen.open_chat(chats[-1].id)
    else:
        running(c).do(action)


async def rest(c: Chat) -> None:
    """Let everything come to its end: screens closed, the engine alive, the line empty."""
    for _ in range(200):
        await c.pilot.pause(0.02)
        if len(c.app.screen_stack) > 1:
            await c.pilot.press("escape")
            continue
        engine = running(c)
        dialogue = c.screen._dialogue
        if engine.dead:
            await c.pilot.press("ctrl+r")
        elif dialogue.held is not None:
            await c.pilot.press("alt+o")
        elif engine.asked is not None:
            engine.do("begin")
            engine.do("finish")
        elif dialogue.answer is None and not dialogue.waiting and dialogue.summary is None:
            return
    raise AssertionError(f"it never came to rest:\n{c.everything}")


def check(home: Path) -> None:
    """Every message of the file has its place, and every reply an end."""
    with Store(home / FILE_NAME) as store:
        for summary in store.chats():
            kept = store.chat(summary.id)
            for message in kept.tree:
                assert message.parent is None or message.parent in kept.tree
                if message.role == "assistant":
                    assert message.parent is not None
                    assert kept.message(message.parent).role == "user"
                    assert message.outcome is not None
                    assert message.outcome.stop_reason != "interrupted"
                    assert message.content == "word " * message.content.count("word ")
                assert message.cut is None or message.role == "user"


async def play(actions: list[str], home: Path) -> None:
    engines = [Slow(answer_by_itself=False) for _ in range(len(actions) + 60)]
    async with chat(*engines) as c:
        await c.until_shown("Medusa on")
        for action in actions:
            await do(c, action)
        await rest(c)
        await c.pilot.pause(0.1)
        dialogue = c.screen._dialogue
        transcript = c.screen.query_one("#transcript")
        assert transcript.shown_ids == [one.id for one in dialogue.chat.path]  # type: ignore[attr-defined]
        with Store(home / FILE_NAME) as other:
            if not dialogue.chat.is_empty:
                kept = other.chat(dialogue.chat.id)
                assert [one.content for one in kept.path] == [
                    one.content for one in dialogue.chat.path
                ]
    assert all(engine.closed for engine in engines if engine.requests)
    check(home)


# Not made smaller when it fails: each takes seconds.
@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(st.lists(ACTIONS, min_size=100, max_size=100))
def test_a_hundred_actions_in_any_order_leave_whole_chats_and_one_engine(
    actions: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = {"MEDUSA_CHAT_HOME": folder}
        here = Path.cwd()
        os.chdir(folder)
        try:
            with mock.patch.dict(os.environ, where):
                asyncio.run(play(actions, Path(folder)))
        finally:
            os.chdir(here)
