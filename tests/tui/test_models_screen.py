"""The models screen, driven by its keys over a Hub that does what the test says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import pytest
from textual.widgets import DataTable, Input

from medusa_chat.engine.protocol import Load
from medusa_chat.errors import HubError
from medusa_chat.library.catalog import Entry, Part
from medusa_chat.library.speeds import Speed
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.memory import Choice, Footprint
from medusa_chat.settings import ModelSettings
from medusa_chat.tui.screens.models import ModelsScreen
from medusa_chat.tui.screens.token import TokenScreen

from .driving import Chat, chat, shown
from .scripted_engine import ScriptedEngine
from .scripted_hub import ScriptedHub

if TYPE_CHECKING:
    from medusa_chat.library.catalog import State
    from medusa_chat.models.memory import Verdict

GB = 1_000_000_000
ZEPHYR = "FasterDecoding/medusa-1.0-zephyr-7b-beta"


def choices(
    *verdicts: Verdict,
) -> tuple[Choice, ...]:
    """Return 16, 8 and 4 bits with these verdicts."""
    return (
        Choice(16, "none", "bfloat16", Footprint(14 * GB, GB, GB // 2, GB), verdicts[0]),
        Choice(8, "8bit", "auto", Footprint(7 * GB, GB, GB // 2, GB), verdicts[1]),
        Choice(4, "4bit", "auto", Footprint(4 * GB, GB, GB // 2, GB), verdicts[2]),
    )


NONE_FIT = choices("does not fit", "does not fit", "does not fit")


def zephyr(state: State = "remote", total: int = 16 * GB, here: int = 0, **fields: object) -> Entry:
    """Return Zephyr, or with other ``fields`` some other model of two sizes."""
    ways = choices("does not fit", "tight", "fits")
    part = Part(Reference(ZEPHYR), "here" if state == "here" else "absent", here, total)
    entry = Entry(
        ZEPHYR,
        "Zephyr 7B beta",
        state,
        layout="merged",
        heads=5,
        bytes_here=here,
        bytes_total=total,
        parts=(part,),
        licence="MIT",
        choices=ways,
        best=ways[2],
    )
    return dataclasses.replace(entry, **fields)  # type: ignore[arg-type]


BUILTIN = Entry("builtin", "Medusa demo (built in)", "built in", layout="shared", heads=4)


async def open_models(c: Chat) -> ModelsScreen:
    await c.until_shown("builtin · float32 · cpu")
    await c.pilot.press("f4")
    await c.until(lambda: isinstance(c.app.screen, ModelsScreen))
    screen = cast("ModelsScreen", c.app.screen)
    await c.until(lambda: screen.query_one(DataTable).row_count)
    return screen


def table(screen: ModelsScreen) -> list[list[str]]:
    """Return the cells of all rows as text."""
    shown_table = screen.query_one(DataTable)
    return [
        [str(cell) for cell in shown_table.get_row_at(row)] for row in range(shown_table.row_count)
    ]


async def until_state(c: Chat, screen: ModelsScreen, row: int, text: str) -> None:
    await c.until(lambda: text in table(screen)[row][1])


async def test_table_says_what_is_here_what_can_be_had_and_what_fits() -> None:
    speed = Speed("x/fast", "none", "float32", "cpu", 10.0, 21.0, "2026-01-01T00:00:00+00:00")
    hub = ScriptedHub(
        [
            BUILTIN,
            zephyr(),
            zephyr("here", name="x/fast", title="Fast", speed=speed),
            zephyr("partial", name="x/half", title="Half", here=8 * GB),
            zephyr("gated", name="x/closed", title="Closed"),
            zephyr(name="x/huge", title="Huge", choices=NONE_FIT, best=None),
            Entry("x/unknown", "Unknown", "remote"),
        ]
    )
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        assert table(screen) == [
            ["Medusa demo (built in)", "● in use", "—", "—", "—"],
            ["Zephyr 7B beta", "○ remote", "16.0 GB", "fits, 4 bits", "—"],
            ["Fast", "● here", "16.0 GB", "fits, 4 bits", "2.10×"],
            ["Half", "◐ partial 50%", "16.0 GB", "fits, 4 bits", "—"],
            ["Closed", "◇ gated", "16.0 GB", "fits, 4 bits", "—"],
            ["Huge", "○ remote", "16.0 GB", "does not fit", "—"],
            ["Unknown", "○ remote", "—", "—", "—"],
        ]


async def test_fetching_is_shown_agreed_to_and_followed_from_everywhere() -> None:
    hub = ScriptedHub([BUILTIN, zephyr()])
    second = ScriptedEngine()
    async with chat(ScriptedEngine(), second, hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("down", "enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        assert not hub.downloads
        await c.pilot.press("enter")
        await until_state(c, screen, 1, "downloading 0%")
        hub.downloads[ZEPHYR].reach(0.4)
        await until_state(c, screen, 1, "downloading 40%")
        assert "30.0 MB/s, 5 min 20 s left" in shown(screen)
        assert "model.safetensors" in shown(screen)
        await c.pilot.press("escape")
        await c.until(lambda: "↓ 40% 30.0 MB/s · 5 min 20 s" in shown(c.screen))
        hub.arrive(ZEPHYR)
        await c.until(lambda: "↓" not in shown(c.screen))
        screen = await open_models(c)
        await until_state(c, screen, 1, "here")
        await c.pilot.press("down", "enter")
        await c.until(lambda: second.requests)
        assert second.requests == [Load(ModelSettings(ZEPHYR, quantization="4bit"))]
        assert c.engine.closed


async def test_declined_download_does_not_begin() -> None:
    hub = ScriptedHub([zephyr()])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("d")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        await c.pilot.press("escape")
        await c.settle()
        assert not hub.downloads
        assert c.app.screen is screen


async def test_pause_and_go_on() -> None:
    hub = ScriptedHub([zephyr()])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")
        hub.downloads[ZEPHYR].reach(0.25)
        await c.pilot.press("p")
        await until_state(c, screen, 0, "paused 25%")
        await c.pilot.press("p")
        await until_state(c, screen, 0, "downloading 25%")
        assert hub.downloads[ZEPHYR].runs == 2


async def test_giving_up_a_download() -> None:
    hub = ScriptedHub([zephyr()])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")
        await c.pilot.press("x")
        await c.until(lambda: "Give up" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "remote")
        assert hub.downloads[ZEPHYR].progress.state == "cancelled"


async def test_failed_download_says_why_and_tries_again() -> None:
    hub = ScriptedHub([zephyr()])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")
        hub.downloads[ZEPHYR].fail(HubError("The disk is full.", "no_space", ZEPHYR))
        await until_state(c, screen, 0, "failed")
        assert "The disk is full." in shown(screen)
        await c.pilot.press("enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")


async def test_gated_model_takes_a_token() -> None:
    hub = ScriptedHub([zephyr()], {ZEPHYR: HubError("It is gated.", "gated", ZEPHYR)})
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "gated")
        await c.pilot.press("t")
        await c.until(lambda: isinstance(c.app.screen, TokenScreen))
        assert f"https://hub.test/{ZEPHYR}" in shown(c.app.screen)
        await c.pilot.press(*"wrong", "enter")
        await c.until(lambda: "does not know this token" in shown(c.app.screen))
        await c.pilot.press("ctrl+u", *"hf_x", "enter")
        await c.until(lambda: "Fetching" in shown(c.app.screen))
        assert hub.tokens == ["hf_x"]


async def test_removing_says_what_it_frees() -> None:
    hub = ScriptedHub([zephyr("here")])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("delete")
        await c.until(lambda: "frees 16 GB" in shown(c.app.screen))
        await c.pilot.press("escape")
        await c.settle()
        assert not hub.removed
        await c.pilot.press("delete")
        await c.until(lambda: "frees 16 GB" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "remote")
        assert hub.removed == [ZEPHYR]


async def test_giving_up_what_an_earlier_run_began() -> None:
    hub = ScriptedHub([zephyr("partial", here=GB)])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("x")
        await c.until(lambda: "frees 16 GB" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "remote")


async def test_model_in_use_is_not_removed() -> None:
    hub = ScriptedHub([BUILTIN])
    async with chat(hub=hub, size=(130, 30)) as c:
        await open_models(c)
        await c.pilot.press("delete")
        await c.settle()
        assert not hub.removed


async def test_model_that_failed_to_load_is_not_in_use() -> None:
    hub = ScriptedHub([BUILTIN, zephyr("here")])
    broken = ScriptedEngine(load_failure="It is damaged.")
    async with chat(broken, hub=hub, model=ModelSettings(ZEPHYR), size=(130, 30)) as c:
        await c.until_shown("It is damaged.")
        await c.pilot.press("f4")
        await c.until(lambda: isinstance(c.app.screen, ModelsScreen))
        screen = cast("ModelsScreen", c.app.screen)
        await c.until(lambda: screen.query_one(DataTable).row_count)
        assert table(screen)[1][1] == "● here"
        assert screen.query_one(DataTable).cursor_row == 1
        await c.pilot.press("delete")
        await c.until(lambda: "frees 16 GB" in shown(c.app.screen))


async def test_heads_without_a_base_say_so() -> None:
    note = "Its base is not known: medusa-chat --model x/y --base-model BASE"
    heads = zephyr("partial", name="x/y", needs_base=True, notes=(note,), choices=(), best=None)
    async with chat(hub=ScriptedHub([heads]), size=(130, 30)) as c:
        screen = await open_models(c)
        assert table(screen)[0][1] == "◐ needs a base"
        await c.until(lambda: note in shown(screen))


async def test_help_lists_the_screens_own_keys_first() -> None:
    async with chat(hub=ScriptedHub([BUILTIN]), size=(130, 40)) as c:
        await open_models(c)
        await c.pilot.press("f1")
        await c.until(
            lambda: "Load the model, or fetch one that is not here" in shown(c.app.screen)
        )


async def test_the_model_in_use_stays_as_it_is() -> None:
    hub = ScriptedHub([BUILTIN, zephyr("here")])
    async with chat(ScriptedEngine(), hub=hub) as c:
        await open_models(c)
        await c.pilot.press("enter")
        await c.until_shown("builtin is in use already.")
        assert not c.engine.closed


async def test_bits_are_chosen() -> None:
    hub = ScriptedHub([zephyr("here")])
    second = ScriptedEngine()
    async with chat(ScriptedEngine(), second, hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        assert "▸  4 bits" in shown(screen)
        await c.pilot.press("b")
        await c.until(lambda: "▸ 16 bits" in shown(screen))
        await c.pilot.press("b")
        await c.until(lambda: table(screen)[0][3] == "tight, 8 bits")
        await c.pilot.press("enter")
        await c.until(lambda: second.requests)
        assert second.requests == [Load(ModelSettings(ZEPHYR, quantization="8bit"))]


async def test_float8_is_chosen_where_it_is_offered() -> None:
    ways = choices("does not fit", "fits", "fits")
    ways = (*ways[:2], dataclasses.replace(ways[1], quantization="fp8"), ways[2])
    hub = ScriptedHub([BUILTIN, zephyr("here", choices=ways, best=ways[1])])
    async with chat(ScriptedEngine(), ScriptedEngine(), hub=hub, size=(120, 40)) as c:
        screen = await open_models(c)
        await c.pilot.press("down", "b")
        await c.until(lambda: "▸  float8" in shown(screen))
        await c.pilot.press("enter")
        await c.until(lambda: c.engines[1].requests)
        (load,) = c.engines[1].requests
        assert isinstance(load, Load)
        assert load.settings.quantization == "fp8"


async def test_other_bits_leave_the_rest_of_what_was_asked_for() -> None:
    asked = ModelSettings(ZEPHYR, base_model="x/base", context_tokens=512, template="zephyr")
    second = ScriptedEngine()
    hub = ScriptedHub([zephyr("here")])
    async with chat(ScriptedEngine(), second, hub=hub, model=asked, size=(130, 30)) as c:
        screen = await open_models(c)
        while "▸  8 bits" not in shown(screen):
            await c.pilot.press("b")
            await c.settle()
        await c.pilot.press("enter")
        await c.until(lambda: second.requests)
        assert second.requests == [Load(dataclasses.replace(asked, quantization="8bit"))]


async def test_filter_and_names_that_are_not_listed() -> None:
    hub = ScriptedHub([BUILTIN, zephyr()], remote=frozenset({"somebody/new"}))
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        await c.pilot.press("slash", *"7b zeph")
        await c.until(lambda: len(table(screen)) == 1)
        assert table(screen)[0][0] == "Zephyr 7B beta"
        screen.query_one(Input).value = "somebody/new"
        await c.until(lambda: table(screen)[0][0] == "somebody/new")
        await c.pilot.press("enter", "enter")
        await c.until(lambda: "Fetching somebody/new" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")
        await c.pilot.press("escape")
        await c.until(lambda: len(table(screen)) >= 2)
        await c.pilot.press("escape")
        await c.until(lambda: c.app.screen is c.screen)


async def test_unlisted_model_stays_in_the_table_while_it_comes() -> None:
    hub = ScriptedHub([BUILTIN, zephyr()], remote=frozenset({"some/model"}))
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        screen.query_one(Input).focus().value = "some/model"
        await c.until(lambda: len(table(screen)) == 1)
        await c.pilot.press("enter", "enter")
        await c.until(lambda: "Fetching some/model" in shown(c.app.screen))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "downloading")
        await c.pilot.press("escape")
        await c.until(lambda: len(table(screen)) == 3)
        assert table(screen)[2][:2] == ["some/model", "↓ downloading 0%"]
        screen.query_one(Input).value = "7b zephyr"
        await c.until(lambda: len(table(screen)) == 1)


async def test_foot_names_enter() -> None:
    async with chat(hub=ScriptedHub([BUILTIN]), size=(80, 24)) as c:
        screen = await open_models(c)
        keys = screen.active_bindings.values()
        assert "Load" in [key.binding.description for key in keys if key.binding.show]


async def test_names_from_the_hub_are_text() -> None:
    hub = ScriptedHub([zephyr(title="[bold]Bold[/] \x1b[31mred", licence="[link=x]y")])
    async with chat(hub=hub, size=(130, 30)) as c:
        screen = await open_models(c)
        assert table(screen)[0][0].startswith("[bold]Bold[/] ")
        assert "\x1b" not in table(screen)[0][0]
        assert "[link=x]y" in shown(screen)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_sizes(size: tuple[int, int]) -> None:
    hub = ScriptedHub([BUILTIN, zephyr()])
    async with chat(hub=hub, size=size) as c:
        screen = await open_models(c)
        await c.pilot.press("down")
        await c.until(lambda: "Zephyr 7B beta" in shown(screen))
        assert screen.query_one(DataTable).region.height >= 3
        assert screen.query_one("#models-side").region.height >= 3
