"""A Hub that takes uploads, an account at it, and a model to publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Call, calling
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import _detect_agent, _http
from loopback_hub import serving
from tiny_models import random_heads, save_base, save_heads

from medusa_chat.models.hub import client
from publishing.uploading_hub import UploadingHandler, UploadingHub

BASE = "somebody/base"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadingHub]:
    """Return a Hub that this process is pointed at, where the token "hf_me" belongs to "me"."""
    ours = UploadingHub(root=tmp_path / "hub", tokens={"hf_me": "me"})
    with serving(ours, UploadingHandler) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(hf_api.api, "endpoint", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home/token"))
        monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "home/stored"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})
        monkeypatch.setattr(client, "WAITS_SECONDS", (0.01, 0.01))
        monkeypatch.setattr(_http.time, "sleep", lambda _seconds: None)
        monkeypatch.setenv("HF_TOKEN", "hf_me")
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    """Return what runs the command line."""
    return calling(capsys, monkeypatch, tmp_path / "home")


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Return heads to publish, with a file beside them that is nobody else's business."""
    folder = save_heads(
        tmp_path / "heads",
        random_heads(),
        base_model_name_or_path=BASE,
        medusa_num_heads=2,
        medusa_num_layers=1,
    )
    (folder / "training-state.json").write_text("{}")
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a base whose output matrix is its own."""
    return save_base(tmp_path / "base", "llama", tie_word_embeddings=False)
