"""The Hub's client of this process, pointed at a Hub on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import _detect_agent
from loopback_hub import AnyHub, HubHandler, serving

from medusa_chat.models.hub import client


@contextmanager
def serving_here(
    hub: AnyHub,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: type[HubHandler] = HubHandler,
) -> Iterator[AnyHub]:
    """Serve ``hub`` to this process, with its cache and its tokens in ``folder``, none so far."""
    with serving(hub, answers):
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(hf_api.api, "endpoint", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "home/token"))
        monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(folder / "home/stored"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        # The library asks the Hub once for the names of agents, to say which one it runs under.
        monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})
        monkeypatch.setattr(client, "WAITS_SECONDS", (0.01, 0.01))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub
