"""The real Hub access of the interface, against one on loopback, through the whole application."""

from __future__ import annotations

import dataclasses
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loopback_hub import Hub
from pointed_client import serving_here
from textual.widgets import DataTable

from medusa_chat.engine.protocol import Load
from medusa_chat.errors import HubError
from medusa_chat.library.catalog import Machine
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.files import find_files
from medusa_chat.models.hub import cache
from medusa_chat.models.hub.reference import Reference
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import ChatApp
from medusa_chat.tui.hub import ModelHub

from .driving import Chat
from .scripted_engine import ScriptedEngine
from .test_models_screen import open_models, table, until_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from medusa_chat.tui.screens.models import ModelsScreen

CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 512,
    "max_position_embeddings": 256,
}
HEADS, BASE = "somebody/heads", "somebody/base"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return a Hub with heads and their base, which this process is pointed at."""
    heads, base = tmp_path / "heads", tmp_path / "base"
    for folder in (heads, base):
        folder.mkdir()
    (heads / "config.json").write_text(f'{{"base_model_name_or_path": "{BASE}"}}', "utf-8")
    (heads / "medusa_lm_head.safetensors").write_bytes(b"h" * 5000)
    (base / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    (base / "tokenizer.json").write_text("{}", "utf-8")
    (base / "model.safetensors").write_bytes(b"b" * 90_000)
    ours = Hub(folders={HEADS: heads, BASE: base})
    with serving_here(ours, tmp_path, monkeypatch) as hub:
        yield hub


def test_plan_tells_the_sizes_of_heads_and_base(hub: Hub) -> None:
    ours, settings = ModelHub(), ModelSettings(HEADS)
    assert not ours.is_here(settings)
    plan = ours.plan(settings)
    words = ours.describe(plan, settings)
    assert f"{HEADS}: 5.04 kB in 2 files" in words
    assert f"{BASE}: 90.2 kB in 3 files" in words
    assert "It fits into this machine's memory in 32 bits." in words
    four_bits = dataclasses.replace(settings, quantization="4bit")
    assert "in 4 bits." in ours.describe(plan, four_bits)
    ours.download(plan).run()
    assert ours.is_here(settings)


def test_catalog_asks_no_network(hub: Hub) -> None:
    catalog = ModelHub().catalog(ModelSettings())
    assert catalog.entries[0].state == "built in"
    assert "of memory free" in catalog.machine
    assert hub.requests == []


def test_float8_is_offered_where_device_and_model_take_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = DeviceMemory("cuda", "GPU", 24 * 10**9, 24 * 10**9)
    monkeypatch.setattr("medusa_chat.tui.hub._machine", lambda *_: Machine(memory))
    ours, settings = ModelHub(), ModelSettings(HEADS)

    def ways() -> list[str]:
        found = {entry.name: entry for entry in ours.catalog(settings).entries}
        return [choice.quantization for choice in found[HEADS].choices]

    ours.download(ours.plan(settings)).run()
    monkeypatch.setattr("medusa_chat.models.float8.is_offered", lambda: True)
    assert ways() == ["none", "8bit", "fp8", "4bit"]
    monkeypatch.setattr("medusa_chat.models.float8.is_offered", lambda: False)
    assert ways() == ["none", "8bit", "4bit"]


def test_memory_in_use_comes_free(hub: Hub) -> None:
    ours = ModelHub()
    ours.catalog(ModelSettings(), 10**12)
    assert ours._machine is not None
    memory = ours._machine.memory
    assert memory is not None
    assert memory.free_bytes == memory.total_bytes


def test_unlisted(hub: Hub) -> None:
    ours = ModelHub()
    entry = ours.unlisted("somebody/new")
    assert entry is not None
    assert entry.state == "remote"
    assert ours.unlisted("zephyr") is None


def test_refusals_are_told(hub: Hub) -> None:
    with pytest.raises(HubError) as caught:
        ModelHub().plan(ModelSettings("somebody/nothing"))
    assert caught.value.kind == "not_found"


@asynccontextmanager
async def models_screen() -> AsyncIterator[tuple[Chat, ModelsScreen]]:
    """Run the application until its models screen is open; a second engine may be started."""
    engines = [ScriptedEngine(), ScriptedEngine()]
    coming = iter(engines)
    app = ChatApp(ModelSettings(), DecodeSettings(), lambda: next(coming))
    async with app.run_test(size=(130, 30)) as pilot:
        c = Chat(app, pilot, engines)
        yield c, await open_models(c)


async def test_pull_through_the_screen_and_load(hub: Hub) -> None:
    async with models_screen() as (c, screen):
        assert hub.requests == []
        await c.pilot.press("slash", *HEADS)
        await c.until(lambda: table(screen)[0][0] == HEADS)
        await c.pilot.press("enter", "enter")
        await c.until(lambda: "Enter  fetch it" in _text(c.app))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "here")
        assert cache.state_of(Reference(BASE)) == "here"
        assert isinstance(screen.query_one(DataTable), DataTable)
        await c.pilot.press("enter")
        await c.until(lambda: c.engines[1].requests)


async def test_base_of_heads_is_asked_for_until_it_can_be_one(hub: Hub) -> None:
    (hub.folders[HEADS] / "config.json").write_text("{}", "utf-8")
    async with models_screen() as (c, screen):
        await c.pilot.press("slash", *HEADS)
        await c.until(lambda: table(screen)[0][0] == HEADS)
        await c.pilot.press("enter", "enter")
        await c.until(lambda: "do not say which model they belong to" in _text(c.app))
        await c.pilot.press(*HEADS, "enter")
        await c.until(lambda: "holds heads alone" in _text(c.app))
        await c.pilot.press(*BASE, "enter")
        await c.until(lambda: "Enter  fetch it" in _text(c.app))
        await c.pilot.press("enter")
        await until_state(c, screen, 0, "here")
        assert cache.state_of(Reference(BASE)) == "here"
        await c.pilot.press("enter")
        await c.until(lambda: c.engines[1].requests)
        assert c.engines[1].requests == [Load(ModelSettings(HEADS))]
        assert find_files(ModelSettings(HEADS)).base_name == BASE


def _text(app: ChatApp) -> str:
    from .driving import shown

    return shown(app.screen)
