"""A Hub on loopback that this process is pointed at, with a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import _detect_agent
from loopback_hub import Hub, serving

from medusa_chat.models.hub import client, transfer


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub()) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(hf_api.api, "endpoint", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home/token"))
        monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "home/stored"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        # The library asks the Hub once for the names of agents, to say which one it runs under.
        monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})
        monkeypatch.setattr(client, "WAITS_SECONDS", (0.01, 0.01))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long was waited between attempts; nothing is waited in truth."""
    seconds: list[float] = []
    monkeypatch.setattr(transfer, "_wait", lambda wait, _stop: seconds.append(wait))
    return seconds
