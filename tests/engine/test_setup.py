"""With what else a step would take another time."""

from __future__ import annotations

import dataclasses

import pytest
from untried_engine import engine as engine

from medusa_chat.engine import setup
from medusa_chat.engine.local import Engine
from medusa_chat.engine.setup import setup_of
from medusa_chat.processor import processor_name
from medusa_chat.settings import DecodeSettings, Quantization


def test_another_processor_is_another_setup(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = setup_of(engine.model, DecodeSettings())
    assert processor_name() in here.device
    monkeypatch.setattr(setup, "processor_name", lambda: "Another 9000")
    there = setup_of(engine.model, DecodeSettings())
    assert there.device.startswith("Another 9000, up to ")
    assert there.key != here.key


@pytest.mark.parametrize(
    ("quantization", "computes"),
    [("none", False), ("fp8", False), ("8bit", True), ("4bit", True)],
)
def test_the_versions_are_of_what_computes(
    quantization: Quantization, computes: bool, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "version", lambda name: f"of-{name}")
    settings = dataclasses.replace(engine.model.settings, quantization=quantization)
    model = dataclasses.replace(engine.model, settings=settings)
    versions = setup_of(model, DecodeSettings()).versions
    assert "torch of-torch, transformers of-transformers" in versions
    assert ("bitsandbytes of-bitsandbytes" in versions) == computes
