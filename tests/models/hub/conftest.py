"""A Hub on loopback that this process is pointed at, with a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from loopback_hub import Hub
from pointed_client import serving_here

from medusa_chat.models.hub import transfer


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving_here(Hub(), tmp_path, monkeypatch) as hub:
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long was waited between attempts; nothing is waited in truth."""
    seconds: list[float] = []
    monkeypatch.setattr(transfer, "_wait", lambda wait, _stop: seconds.append(wait))
    return seconds
