"""The loopback Hub and its cache, as for the Hub's own tests, and a home for what is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Call, calling
from loopback_hub import Hub
from models.hub.conftest import hub as hub
from models.hub.conftest import waits as waits

from medusa_chat.models.device_memory import DeviceMemory

GB = 10**9


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def command(
    hub: Hub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> Call:
    """Return what runs ``medusa-chat models``, on a machine with 24 GB on a CUDA device."""
    memory = DeviceMemory("cuda", "NVIDIA Test", 24 * GB, 23 * GB)
    monkeypatch.setattr("medusa_chat.library.command.device_memory", lambda: memory)
    call = calling(capsys, monkeypatch, home)
    return lambda *arguments, **options: call("models", *arguments, **options)
