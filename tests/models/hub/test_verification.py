from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download
from loopback_hub import Hub

from medusa_chat.models.hub.cache import cached_folder, state_of
from medusa_chat.models.hub.progress import Progress
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.hub.verification import verify
from models.hub.repositories import WEIGHTS, first_bytes, publish, pull, refusal

MODEL = Reference("somebody/model")


@pytest.fixture
def folder(hub: Hub, tmp_path: Path) -> Path:
    pull(publish(hub, tmp_path))
    folder = cached_folder(MODEL)
    assert folder is not None
    return folder


def test_nothing_is_wrong(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    seen: list[Progress] = []
    assert verify(MODEL, seen.append) == ()
    assert seen[-1].done_bytes == seen[-1].total_bytes == 40_025
    assert {progress.state for progress in seen} == {"checking"}
    assert hub.requests == []


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_changed_byte_is_found_and_repaired(name: str, folder: Path, hub: Hub) -> None:
    blob = (folder / name).resolve()
    content = bytearray(blob.read_bytes())
    content[7] ^= 1
    blob.write_bytes(content)
    (defect,) = verify(MODEL)
    assert (defect.name, defect.reason) == (name, "has a wrong checksum")
    defect.remove()
    assert state_of(MODEL) == "partial"
    hub.contents.clear()
    pull("somebody/model")
    assert verify(MODEL) == ()
    assert first_bytes(hub) == ([0] if name == WEIGHTS else [])


def test_file_that_is_missing(folder: Path) -> None:
    (folder / WEIGHTS).resolve().unlink()
    (defect,) = verify(MODEL)
    assert (defect.name, defect.reason) == (WEIGHTS, "is missing")
    defect.remove()
    pull("somebody/model")
    assert verify(MODEL) == ()


def test_what_another_program_fetched(hub: Hub, tmp_path: Path) -> None:
    snapshot_download(publish(hub, tmp_path))
    assert verify(MODEL) == ()


def test_what_is_not_there(hub: Hub) -> None:
    assert "models pull somebody/model" in refusal(lambda: verify(MODEL), "missing")
