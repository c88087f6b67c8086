"""A Hub that takes uploads, an account at it, and a model to publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Call, calling
from huggingface_hub.utils import _http
from pointed_client import serving_here
from tiny_models import random_heads, save_base, save_heads

from publishing.uploading_hub import UploadingHandler, UploadingHub

BASE = "somebody/base"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadingHub]:
    """Return a Hub that this process is pointed at, where the token "hf_me" belongs to "me"."""
    ours = UploadingHub(root=tmp_path / "hub", tokens={"hf_me": "me"})
    with serving_here(ours, tmp_path, monkeypatch, UploadingHandler) as hub:
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
