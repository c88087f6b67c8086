from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir
from loopback_hub import Fault, Hub

from medusa_chat.models.hub.cache import repository_folder, root, state_of, usage_of
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import Reference, parse
from medusa_chat.models.hub.removal import plan_removal
from models.hub.repositories import (
    WEIGHTS,
    in_background,
    publish,
    pull,
    refusal,
    wait_until,
    write_model,
)

MODEL = Reference("somebody/model")
NEXT = Reference("somebody/model", "next")


def bytes_on_disk() -> int:
    return sum(
        file.stat().st_size
        for file in repository_folder(MODEL.repository).rglob("blobs/*")
        if not file.is_symlink()
    )


@pytest.fixture
def two_revisions(hub: Hub, tmp_path: Path) -> None:
    """Pull two commits that share the weights and differ in one small file."""
    publish(hub, tmp_path)
    hub.revisions["somebody/model", "next"] = write_model(tmp_path / "next")
    (tmp_path / "next/config.json").write_text('{"model_type": "mistral"}')
    hub.commits["next"] = "f" * 40
    pull("somebody/model")
    pull("somebody/model@next")


def test_what_it_says_it_frees_is_freed(hub: Hub, tmp_path: Path) -> None:
    other = publish(hub, tmp_path, "somebody/other")
    pull(publish(hub, tmp_path))
    pull(other)
    removal = plan_removal(MODEL)
    assert removal.frees_bytes == bytes_on_disk() == 40_025
    assert state_of(MODEL) == "here"  # until it is executed
    removal.execute()
    assert state_of(MODEL) == "absent"
    assert not repository_folder("somebody/model").exists()
    assert state_of(parse(other)) == "here"
    assert scan_cache_dir(root()).warnings == []


def test_name_alone_means_all_revisions(hub: Hub, two_revisions: None) -> None:
    removal = plan_removal(MODEL)
    assert len(removal.commits) == 2
    assert removal.frees_bytes == bytes_on_disk()
    assert removal.kept_reasons == ()
    removal.execute()
    assert not repository_folder("somebody/model").exists()


def test_files_that_another_revision_needs_are_spared(hub: Hub, two_revisions: None) -> None:
    removal = plan_removal(NEXT)
    before = bytes_on_disk()
    assert removal.frees_bytes == 25
    (reason,) = removal.kept_reasons
    assert "40.0 kB" in reason
    removal.execute()
    assert bytes_on_disk() == before - 25
    assert state_of(MODEL) == "here"
    refusal(lambda: plan_removal(NEXT), "missing")


def test_part_of_a_download(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(stall_after=9000)
    download = Download(make_plan(name))
    thread = in_background(download)
    wait_until(lambda: usage_of(name).partial_bytes == 9025)
    removal = plan_removal(MODEL)
    assert removal.frees_bytes == 9025
    assert "pause or cancel" in refusal(removal.execute, "unwritable")
    download.pause()
    thread.join()
    removal.execute()
    assert state_of(MODEL) == "absent"
    assert not repository_folder(name).exists()


def test_parts_beside_a_whole_model(hub: Hub, tmp_path: Path) -> None:
    pull(publish(hub, tmp_path))
    part = repository_folder("somebody/model") / "blobs" / ("a" * 64 + ".incomplete")
    part.write_bytes(bytes(500))
    removal = plan_removal(MODEL)
    assert removal.frees_bytes == 40_525
    removal.execute()
    assert not repository_folder("somebody/model").exists()


def test_damaged_cache_can_be_removed(hub: Hub, tmp_path: Path) -> None:
    pull(publish(hub, tmp_path))
    folder = repository_folder("somebody/model")
    for blob in (folder / "blobs").iterdir():
        blob.unlink()
    assert scan_cache_dir(root()).repos == frozenset()
    plan_removal(MODEL).execute()
    assert not folder.exists()


def test_what_is_not_there(hub: Hub, tmp_path: Path) -> None:
    assert "somebody/model" in refusal(lambda: plan_removal(MODEL), "missing")  # no cache at all
    pull(publish(hub, tmp_path, "somebody/other"))
    refusal(lambda: plan_removal(MODEL), "missing")
    refusal(lambda: plan_removal(Reference("somebody/other", "next")), "missing")
