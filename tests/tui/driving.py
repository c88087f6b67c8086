"""A chat that a test drives by its keys and reads from its screen."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.widgets import Static

from medusa_chat.conversation.store import FILE_NAME, Store
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import ChatApp
from medusa_chat.tui.screens.chat import ChatScreen
from medusa_chat.tui.widgets.notice import Notice
from medusa_chat.tui.widgets.prompt import Prompt
from medusa_chat.tui.widgets.prompt_turn import PromptTurn
from medusa_chat.tui.widgets.reply import Reply

from .scripted_engine import ScriptedEngine
from .scripted_hub import ScriptedHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from textual.dom import DOMNode
    from textual.pilot import Pilot

    from medusa_chat.engine.protocol import Generate
    from medusa_chat.tui.opening import Opening
    from medusa_chat.tui.preferences import Preferences

SIZES = ((80, 24), (120, 40))

FIGURES = "100 tok/s · 1.33 accepted/step · 4 tokens · 0.0 s · first token 182 ms"

LINES = tuple((f"line {n}\n",) for n in range(200))


@dataclass
class Chat:
    """A running chat and the engines that it was given, in order."""

    app: ChatApp
    pilot: Pilot[None]
    engines: list[ScriptedEngine]

    @property
    def engine(self) -> ScriptedEngine:
        return self.engines[0]

    @property
    def screen(self) -> ChatScreen:
        return cast("ChatScreen", self.app.screen_stack[0])

    @property
    def prompt(self) -> Prompt:
        return self.screen.query_one(Prompt)

    @property
    def turns(self) -> list[str]:
        """Prompts, replies and notices as they stand under one another."""
        children = self.screen.query_one("#transcript").children
        return [
            shown(child) for child in children if isinstance(child, PromptTurn | Reply | Notice)
        ]

    @property
    def everything(self) -> str:
        return shown(self.screen)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; a minute of waiting is a failure."""
        for _ in range(3000):
            if condition():
                return
            await self.pilot.pause(0.005)
        raise AssertionError(f"never came true; on the screen:\n{self.everything}")

    async def until_shown(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(text in self.everything for text in texts))

    async def send(self, text: str) -> None:
        """Put a text into the prompt, as pasting does, and press Enter."""
        self.prompt.insert(text)
        await self.pilot.press("enter")

    async def settle(self) -> None:
        """Let a few frames pass, in which something that should not happen could."""
        for _ in range(3):
            await self.pilot.pause(0.05)


def shown(node: DOMNode) -> str:
    """Return the text of every part that is displayed, from top to bottom."""
    texts = (
        part.shown_text if isinstance(part, Reply) else str(part.visual)
        for part in node.walk_children(with_self=True)
        if isinstance(part, Static | Reply) and part.display
    )
    return "\n".join(text for text in texts if text)


@asynccontextmanager
async def chat(
    *engines: ScriptedEngine,
    size: tuple[int, int] = (80, 24),
    decode: DecodeSettings | None = None,
    model: ModelSettings | None = None,
    hub: ScriptedHub | None = None,
    log_file: Path | None = None,
    opening: Opening | None = None,
    preferences: Preferences | None = None,
) -> AsyncIterator[Chat]:
    """Open a chat; every start of an engine takes the next of these."""
    given = list(engines) or [ScriptedEngine()]
    coming = iter(given)
    app = ChatApp(
        model or ModelSettings(),
        decode or DecodeSettings(),
        lambda: next(coming),
        hub=hub or ScriptedHub(),
        log_file=log_file,
        opening=opening,
        preferences=preferences,
    )
    async with app.run_test(size=size) as pilot:
        yield Chat(app, pilot, given)


def contents(request: Generate) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in request.messages]


def saved(home: Path) -> list[tuple[str, str, str | None]]:
    """Return role, text and stop reason of every turn of the latest chat on disk."""
    with Store(home / FILE_NAME) as store:
        last = store.last()
        assert last is not None
        turns = store.chat(last.id).path
    return [
        (turn.role, turn.content, turn.outcome.stop_reason if turn.outcome else None)
        for turn in turns
    ]


async def begin_reply(chat: Chat, text: str = "Hello") -> Generate:
    """Send a prompt to an engine that waits for the test, and let it write the first burst."""
    await chat.until_shown("builtin · float32 · cpu")
    await chat.send(text)
    await chat.until(lambda: chat.engine.generates)
    request = chat.engine.generates[-1]
    chat.engine.start(request)
    chat.engine.write(request, (("Once", " upon"), (" a",)))
    await chat.until_shown("Once upon a")
    return request
