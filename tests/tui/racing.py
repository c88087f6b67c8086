"""A race that a test opens by its key and reads from its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from medusa_chat.tui.screens.race import RaceScreen

from .driving import shown

if TYPE_CHECKING:
    from .driving import Chat


async def ready(c: Chat) -> None:
    await c.until_shown("builtin · float32 · cpu")


async def race(c: Chat, key: str = "f8") -> RaceScreen:
    """Press the key, and return the race once it is on the screen."""
    await ready(c)
    await c.pilot.press(key)
    await c.until(lambda: isinstance(c.app.screen, RaceScreen))
    return cast("RaceScreen", c.app.screen)


async def asked(c: Chat) -> None:
    await c.send("Hello")
    await c.until_shown("first token 182 ms")


async def until_on(c: Chat, screen: RaceScreen, *texts: str) -> None:
    await c.until(lambda: all(text in shown(screen) for text in texts))


async def at_the_card(c: Chat, screen: RaceScreen) -> None:
    """Skip the replay."""
    await c.until(lambda: screen._clock is not None)
    await c.pilot.press("e")
    await until_on(c, screen, "Text: ")
