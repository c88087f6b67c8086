"""Every screen of the program, brought about by its keys, always the same to the last cell."""

from __future__ import annotations

import dataclasses
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_chat.configuration.file import Configuration
from medusa_chat.engine.process import Ended
from medusa_chat.engine.protocol import (
    Bursts,
    Failed,
    Finished,
    Loading,
    Overflow,
    Piece,
)
from medusa_chat.errors import HubError
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.preferences import Preferences
from medusa_chat.tui.screens.models import ModelsScreen

from .driving import Chat, chat, shown
from .frozen import SEED
from .scene_props import MARKDOWN, STEP, STORY, catalog, figures, heads_alone, write_chats
from .scripted_engine import DEMO, ScriptedEngine
from .scripted_hub import ScriptedHub
from .test_models_screen import ZEPHYR, open_models, zephyr
from .test_trees import Recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from medusa_chat.engine.protocol import Generate

READY = "builtin · float32 · cpu"
LOADED = dataclasses.replace(DEMO, memory_bytes=103_000_000)

# What is done --------------------------------------------------------------------------------


async def answered(c: Chat, prompt: str, *texts: str) -> None:
    """Send a prompt, and have it answered in bursts of one piece each."""
    count = len(c.engine.generates)
    await c.send(prompt)
    await c.until(lambda: len(c.engine.generates) > count)
    request = c.engine.generates[-1]
    c.engine.start(request)
    pieces = tuple(Piece(index, text, 1) for index, text in enumerate(texts))
    c.engine.emit(Bursts(request.reply_id, pieces, figures(len(pieces))))
    finish(c, request)
    await c.until(lambda: c.everything.count("accepted/step ·") > count)


def finish(c: Chat, request: Generate) -> None:
    c.engine.emit(Finished(request.reply_id, "eos", figures()))


async def two_replies(c: Chat) -> None:
    await c.until_shown(READY)
    await answered(c, "Hello! Who are you?", "I am a small demonstration model.", " Ask me.")
    await answered(c, "How do I boil an egg?\nTell me all of it.", MARKDOWN)


async def empty(c: Chat) -> None:
    await c.until_shown(READY)


async def loading(c: Chat) -> None:
    await c.send("Hello")
    c.engine.emit(Loading("Loading the weights", 0.42))
    await c.until_shown("42%", "waiting for the model")


async def failed(c: Chat) -> None:
    await c.until_shown(READY)
    await answered(c, "Hello!", "Hi.")
    c.engine.emit(Ended(-9))
    await c.until_shown("SIGKILL")


async def streaming(c: Chat) -> None:
    await c.until_shown(READY)
    await c.send("Tell me a story about a fox.")
    await c.until(lambda: c.engine.generates)
    request = c.engine.generates[-1]
    c.engine.start(request)
    c.engine.write(request, STORY)
    await c.send("And then?")
    await c.until_shown("the owl", "queued")


async def by_depth(c: Chat) -> None:
    await c.until_shown(READY)
    await c.pilot.press("f3")
    await c.send("Tell me a story about a fox.")
    await c.until(lambda: c.engine.generates)
    request = c.engine.generates[-1]
    c.engine.start(request)
    c.engine.write(request, STORY)
    finish(c, request)
    await c.until_shown("accepted/step ·")
    await c.pilot.press("f3")


async def palette(c: Chat) -> None:
    await c.until_shown(READY)
    await c.pilot.press("ctrl+p")
    await c.until(lambda: type(c.app.screen).__name__ == "CommandPalette")
    await c.pilot.press(*"expo")
    await c.settle()


async def suggestions(c: Chat) -> None:
    await c.until_shown(READY)
    await c.pilot.press("slash", "t")
    await c.settle()


async def pressing(c: Chat, *keys: str) -> None:
    """Press keys in a chat with two replies, and wait for another screen."""
    await two_replies(c)
    await c.pilot.press(*keys)
    await c.until(lambda: c.app.screen is not c.screen)
    await c.settle()


async def help_screen(c: Chat) -> None:
    await pressing(c, "f1")


async def settings(c: Chat) -> None:
    await pressing(c, "f10", "down", "down", "down")


async def setting_written(c: Chat) -> None:
    await pressing(c, "f10", *["down"] * 8, "enter")


async def chosen(c: Chat) -> None:
    await two_replies(c)
    await c.pilot.press("alt+up")
    await c.settle()


async def revising(c: Chat) -> None:
    await two_replies(c)
    await c.pilot.press("alt+e")
    await c.until(lambda: "boil" in c.prompt.text)


async def versions(c: Chat) -> None:
    await c.until_shown(READY)
    await answered(c, "Name an animal.", "A fox.")
    c.engine.answer_by_itself = True
    await c.pilot.press("alt+r")
    await c.until_shown("2 of 2")


async def details(c: Chat) -> None:
    await pressing(c, "alt+i")


async def log(c: Chat) -> None:
    await c.until_shown(READY)
    lines = [f"2026-03-14 15:{n:02}:00,000 INFO medusa_chat: line {n}\n" for n in range(50)]
    Path("medusa-chat.log").write_text("".join(lines) + "Traceback: \x1b[31mred [bold]x", "utf-8")
    await c.send("/log")
    await c.until(lambda: c.app.screen is not c.screen)
    await c.settle()


async def doctor(c: Chat) -> None:
    await c.until_shown(READY)
    await c.pilot.press("f9")
    await c.until(lambda: "checksum" in shown(c.app.screen))


async def trees(c: Chat) -> None:
    await c.until_shown(READY)
    await c.send("Tell me a story.")
    await c.until_shown("tok/s")
    await c.pilot.press("alt+t")
    await c.until(lambda: "Step 1 of" in shown(c.app.screen))
    await c.pilot.press("f")
    await c.settle()


async def earlier(c: Chat) -> None:
    await pressing(c, "alt+h")


async def models(c: Chat) -> None:
    await open_models(c)
    await c.pilot.press("down")
    await c.settle()


async def fetching(c: Chat) -> None:
    await open_models(c)
    await c.pilot.press("down", "enter")
    await c.until(lambda: "Fetching" in shown(c.app.screen))
    await c.settle()


async def fetched(c: Chat) -> None:
    screen = await open_models(c)
    await c.pilot.press("down", "enter")
    await c.until(lambda: "Fetching" in shown(c.app.screen))
    await c.pilot.press("enter")
    await c.until(lambda: hub_of(c).downloads)
    hub_of(c).downloads[ZEPHYR].reach(0.4)
    await c.until(lambda: "30.0 MB/s" in shown(screen))
    await c.settle()


def hub_of(c: Chat) -> ScriptedHub:
    hub = c.app._supply.hub
    assert isinstance(hub, ScriptedHub)
    return hub


async def asking(c: Chat, *keys: str) -> None:
    await open_models(c)
    await c.pilot.press(*keys)
    await c.until(lambda: not isinstance(c.app.screen, ModelsScreen))
    await c.settle()


async def token(c: Chat) -> None:
    await c.until_shown(READY)
    await c.send(f"/model {ZEPHYR}")
    await c.until(lambda: type(c.app.screen).__name__ == "TokenScreen")
    await c.settle()


async def families(c: Chat) -> None:
    await c.until(lambda: type(c.app.screen).__name__ == "FamilyScreen")
    await c.settle()


async def chats(c: Chat) -> None:
    await c.until_shown(READY)
    await c.pilot.press("ctrl+l")
    await c.until(lambda: c.app.screen is not c.screen)
    await c.pilot.press("down")
    await c.settle()


async def found(c: Chat) -> None:
    await chats(c)
    await c.pilot.press(*"owl")
    await c.settle()
    await c.settle()


async def deleting(c: Chat) -> None:
    await chats(c)
    await c.pilot.press("ctrl+d")
    await c.until(lambda: type(c.app.screen).__name__ == "Question")
    await c.settle()


async def overflowing(c: Chat) -> None:
    await two_replies(c)
    await c.send("One more?")
    await c.until(lambda: len(c.engine.generates) == 3)
    over = Overflow(2300, 2048, 2)
    request = c.engine.generates[-1]
    c.engine.emit(Failed(request.reply_id, "Too long.", context_full=True, overflow=over))
    await c.until(lambda: c.app.screen is not c.screen)
    await c.settle()


async def left_out(c: Chat) -> None:
    await overflowing(c)
    await c.pilot.press("enter")
    await c.until(lambda: len(c.engine.generates) == 4)
    await c.settle()


async def racing(c: Chat) -> None:
    await c.until_shown(READY)
    c.prompt.insert("Tell me a story about a fox.")
    await c.pilot.press("f8")
    await c.until(lambda: c.app.screen is not c.screen)
    await c.until(lambda: c.engine.generates)
    request = c.engine.generates[-1]
    c.engine.start(request)
    c.engine.write(request, STORY[:6])
    await c.until(lambda: "the owl" in shown(c.app.screen))
    await c.settle()


async def raced(c: Chat) -> None:
    await c.until_shown(READY)
    c.prompt.insert("Tell me a story about a fox.")
    await c.pilot.press("f8")
    await c.until(lambda: "2.00×" in shown(c.app.screen) or "Space" in shown(c.app.screen))
    await c.pilot.press("e")
    await c.until(lambda: "Text: " in shown(c.app.screen))
    await c.settle()


async def race_texts(c: Chat) -> None:
    await raced(c)
    await c.pilot.press("c")
    await c.settle()


# The scenes ----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Scene:
    """A chat as it is opened, and what is done in it."""

    play: Callable[[Chat], Awaitable[None]]
    engine: Callable[[], ScriptedEngine] = lambda: ScriptedEngine(LOADED, answer_by_itself=False)
    hub: Callable[[], ScriptedHub] = ScriptedHub
    model: ModelSettings | None = None
    writes_chats: bool = False

    @asynccontextmanager
    async def open(self, size: tuple[int, int], theme: str) -> AsyncIterator[Chat]:
        """Play it in a terminal of this size, in these colours."""
        home = Path(os.environ["MEDUSA_CHAT_HOME"])
        for file in home.iterdir():  # of another time that it was played
            file.unlink()
        if self.writes_chats:
            write_chats(home)
        async with chat(
            self.engine(),
            ScriptedEngine(),
            size=size,
            decode=DecodeSettings(seed=SEED),
            hub=self.hub(),
            model=self.model,
            log_file=Path("medusa-chat.log"),
            preferences=Preferences(Configuration(Path("config.toml")), theme=theme),
        ) as c:
            c.app.animation_level = "none"
            await self.play(c)
            yield c


def answering() -> ScriptedEngine:
    return ScriptedEngine(LOADED, bursts=STORY)


SCENES = {
    "chat-empty": Scene(empty),
    "chat-loading": Scene(loading, lambda: ScriptedEngine(load_by_itself=False)),
    "chat-replies": Scene(two_replies),
    "chat-streaming": Scene(streaming),
    "chat-by-depth": Scene(by_depth),
    "chat-chosen": Scene(chosen),
    "chat-revising": Scene(revising),
    "chat-versions": Scene(versions),
    "chat-failed": Scene(failed),
    "chat-left-out": Scene(left_out),
    "chats": Scene(chats, writes_chats=True),
    "chats-deleting": Scene(deleting, writes_chats=True),
    "chats-found": Scene(found, writes_chats=True),
    "context-offer": Scene(overflowing),
    "doctor": Scene(doctor),
    "earlier": Scene(earlier),
    "families": Scene(
        families,
        lambda: ScriptedEngine(dataclasses.replace(LOADED, model="x/y", template="unknown")),
        model=ModelSettings("x/y"),
    ),
    "help": Scene(help_screen),
    "log": Scene(log),
    "models": Scene(models, hub=catalog),
    "models-base": Scene(lambda c: asking(c, "down", "enter"), hub=heads_alone),
    "models-fetched": Scene(fetched, hub=catalog),
    "models-fetching": Scene(fetching, hub=catalog),
    "models-removing": Scene(lambda c: asking(c, "down", "down", "delete"), hub=catalog),
    "palette": Scene(palette),
    "race-card": Scene(raced, answering),
    "race-running": Scene(racing),
    "race-texts": Scene(race_texts, answering),
    "reply-info": Scene(details),
    "settings": Scene(settings),
    "settings-written": Scene(setting_written),
    "suggestions": Scene(suggestions),
    "token": Scene(
        token,
        hub=lambda: ScriptedHub(
            [zephyr()],
            {ZEPHYR: HubError("It is gated: its licence has to be accepted.", "gated", ZEPHYR)},
        ),
    ),
    "trees": Scene(trees, lambda: Recording(LOADED, steps=(STEP,) * 3)),
}
