"""The base of heads, named in the models screen."""

from __future__ import annotations

from medusa_chat.engine.protocol import Load
from medusa_chat.errors import ModelError
from medusa_chat.settings import ModelSettings
from medusa_chat.tui.screens.base import BaseScreen

from .driving import chat, shown
from .scripted_engine import ScriptedEngine
from .scripted_hub import ScriptedHub
from .test_models_screen import open_models, zephyr


async def test_heads_take_the_base_that_is_named() -> None:
    heads = zephyr("partial", name="x/y", listed=False, needs_base=True, choices=(), best=None)
    hub = ScriptedHub([heads], {"x/y": ModelError("The heads in x/y name no base.")})
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        assert "Enter names its base" in shown(screen)
        await c.pilot.press("enter")
        await c.until(lambda: "The heads in x/y name no base." in shown(c.app.screen))
        await c.pilot.press("enter")  # nothing was named
        await c.pilot.press(*"x/base", "enter")
        await c.until(lambda: "Fetching x/y" in shown(c.app.screen))
        await c.pilot.press("enter")
        await c.until(lambda: hub.downloads)


async def test_base_of_heads_is_named_in_place_of_another() -> None:
    heads = zephyr("here", name="x/y", listed=False, base="x/base")
    second = ScriptedEngine()
    async with chat(ScriptedEngine(), second, hub=ScriptedHub([heads]), size=(130, 30)) as c:
        await open_models(c)
        await c.pilot.press("n")
        await c.until(lambda: "So far the base of x/y is x/base." in shown(c.app.screen))
        await c.pilot.press("escape", "n")
        await c.until(lambda: isinstance(c.app.screen, BaseScreen))
        await c.pilot.press(*"x/other", "enter")
        await c.until(lambda: second.requests)
        settings = ModelSettings("x/y", base_model="x/other", quantization="4bit")
        assert second.requests == [Load(settings)]


async def test_whole_model_takes_no_base() -> None:
    async with chat(hub=ScriptedHub([zephyr("here")]), size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("n")
        await c.until(lambda: "Only heads alone have a base" in str(list(c.app._notifications)))
        assert c.app.screen is screen
