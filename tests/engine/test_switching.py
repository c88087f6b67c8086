"""Another model: the engine's process ends, and with it goes every byte of the old one."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from command_line import environment
from golden_data import GOLDEN
from tiny_models import save_base

from medusa_chat.engine.process import Ended, EngineProcess
from medusa_chat.engine.protocol import Load, Loaded, Loading
from medusa_chat.settings import ModelSettings

HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
SHAPE = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12}
# Attention and the three matrices behind it, in float32.
WEIGHT_BYTES = 12 * (4 * 512 * 512 + 3 * 512 * 2048) * 4


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_base(tmp_path_factory.mktemp("models") / "large", "llama", **SHAPE))


def engine_for(model: str) -> EngineProcess:
    engine = EngineProcess(None, environment=environment())
    engine.send(Load(ModelSettings(model)))
    return engine


def process_of(engine: EngineProcess) -> psutil.Process:
    assert engine._process is not None
    return psutil.Process(engine._process.pid)


async def use(model: str) -> tuple[Loaded, int, psutil.Process]:
    """Load a model in a fresh engine; return what it says, its resident bytes, and end it."""
    engine = engine_for(model)
    async for event in engine.events():
        if isinstance(event, Loaded):
            loaded, process = event, process_of(engine)
            resident: int = process.memory_info().rss
            await engine.close()
        assert not isinstance(event, Ended) or event == Ended(0)
    return loaded, resident, process


async def test_memory_comes_back_when_the_model_is_switched(large: str) -> None:
    loaded, large_bytes, process = await use(large)
    assert loaded.memory_bytes is not None
    # No part of it is counted twice, and libraries hardly at all.
    assert WEIGHT_BYTES < loaded.memory_bytes < WEIGHT_BYTES + 80_000_000
    assert not process.is_running()
    small, small_bytes, _ = await use(HEADS)
    assert small.heads == 4
    assert small_bytes < large_bytes - 0.9 * WEIGHT_BYTES


async def test_loading_is_cancelled_by_closing_the_engine(large: str) -> None:
    engine = engine_for(large)
    events = engine.events()
    stages: list[Loading] = []
    async for event in events:
        assert isinstance(event, Loading)
        stages.append(event)
        if event.stage.startswith("Loading the weights"):
            break
    process = process_of(engine)
    await engine.close()
    # Of what it said before, some may still come; nothing is ever loaded.
    rest = [event async for event in events]
    assert isinstance(rest[-1], Ended)
    assert not any(isinstance(event, Loaded) for event in rest)
    assert not process.is_running()
    assert not Path(f"/proc/{process.pid}").exists() or os.name != "posix"
