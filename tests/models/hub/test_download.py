"""A download as a whole, and the cache that it leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import constants, scan_cache_dir, snapshot_download
from loopback_hub import COMMIT, Fault, Hub

from medusa_chat.models.hub import cache, pointers, space
from medusa_chat.models.hub.cache import cached_folder, repository_folder, root, state_of
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from models.hub.repositories import (
    LARGE,
    WEIGHTS,
    assert_whole,
    first_bytes,
    in_background,
    publish,
    pull,
    refusal,
    slow_model,
    wait_until,
    write_heads,
    write_model,
)


def test_heads_and_base_and_again_without_a_request(hub: Hub, tmp_path: Path) -> None:
    base = publish(hub, tmp_path)
    hub.folders["somebody/heads"] = write_heads(tmp_path / "heads", base)
    download = pull("somebody/heads")
    progress = download.progress
    assert progress.state == "done"
    assert progress.done_bytes == progress.total_bytes == download.plan.total_bytes
    assert progress.seconds_left is None
    assert {file.repository for file in progress.files} == {base, "somebody/heads"}
    hub.contents.clear()
    again = make_plan("somebody/heads")
    assert again.bytes_missing == 0
    Download(again).run()
    assert hub.contents == []


def test_the_library_finds_what_came(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    pull(name)
    folder = Path(snapshot_download(name, local_files_only=True))
    assert folder == cached_folder(parse(name))
    scanned = scan_cache_dir(root())
    assert scanned.warnings == []
    (repository,) = scanned.repos
    (revision,) = repository.revisions
    assert (repository.repo_id, revision.commit_hash, revision.refs) == (name, COMMIT, {"main"})
    assert {file.file_name for file in revision.files} == {
        "config.json",
        "tokenizer.json",
        WEIGHTS,
    }
    # Nor does it fetch anything of that again.
    hub.contents.clear()
    snapshot_download(name, allow_patterns=["*.json", "*.safetensors"])
    assert hub.contents == []


def test_what_the_library_fetched_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    snapshot_download(name)
    hub.contents.clear()
    assert make_plan(name).bytes_missing == 0
    pull(name)
    assert hub.contents == []


def test_where_links_cannot_be_made(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    name = publish(hub, tmp_path, size=LARGE)
    (hub.folders[name] / "generation_config.json").write_text("{}")  # as the tokenizer.json
    pull(name)
    assert_whole(name)
    assert not any(file.is_symlink() for file in repository_folder(name).rglob("*"))
    assert make_plan(name).bytes_missing == 0
    assert Path(snapshot_download(name, local_files_only=True)) == cached_folder(parse(name))


def test_new_commit_brings_only_what_is_new(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.revisions[name, "next"] = write_model(tmp_path / "next")
    (tmp_path / "next/config.json").write_text('{"model_type": "mistral"}')
    hub.commits["next"] = "f" * 40
    pull(name)
    hub.contents.clear()
    pull(f"{name}@next")
    assert {request.name for request in hub.contents} == {"config.json"}
    both = [cached_folder(parse(one)) for one in (name, f"{name}@next", f"{name}@{'f' * 40}")]
    assert None not in both
    assert both[1] == both[2] != both[0]


@pytest.mark.parametrize("links", [0, 1, 2])
def test_killed_while_it_is_named(
    links: int, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(hub, tmp_path)
    link = pointers._point
    made: list[Path] = []

    def die(pointer: Path, blob: Path, moved: dict[str, Path]) -> None:
        if len(made) == links:
            raise SystemExit
        made.append(pointer)
        link(pointer, blob, moved)

    download = Download(make_plan(f"{name}@{COMMIT}"))
    with monkeypatch.context() as patched:
        patched.setattr(pointers, "_point", die)
        with pytest.raises(SystemExit):
            download.run()
    assert len(made) == links
    assert state_of(download.plan.repositories[0].reference) == "partial"
    hub.contents.clear()
    pull(name)
    assert_whole(name, 40_000)
    assert first_bytes(hub) == []


def test_file_that_was_cut_short_afterwards(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    pull(name)
    folder = cached_folder(parse(name))
    assert folder is not None
    os.truncate((folder / WEIGHTS).resolve(), 77)
    assert make_plan(name).bytes_missing == 40_000
    pull(name)
    assert_whole(name, 40_000)


def test_progress_while_it_comes(hub: Hub, tmp_path: Path) -> None:
    download = Download(make_plan(slow_model(hub, tmp_path)))
    assert (download.progress.state, download.progress.done_bytes) == ("waiting", 0)
    thread = in_background(download)
    wait_until(lambda: download.progress.bytes_per_second)
    wait_until(lambda: download.progress.done_bytes > LARGE / 4)
    progress = download.progress
    assert progress.state == "downloading"
    rate, left = progress.bytes_per_second, progress.seconds_left
    assert rate is not None
    assert left is not None
    assert 0 < rate < 2_000_000
    assert left == (progress.total_bytes - progress.done_bytes) / rate
    thread.join()
    assert download.progress.state == "done"
    assert download.progress.bytes_per_second is None


def test_failure_and_another_try(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(cut_after=0)
    download = Download(make_plan(name))
    message = refusal(download.run, "unreachable")
    assert (download.progress.state, download.progress.message) == ("failed", message)
    del hub.faults[WEIGHTS]
    download.run()
    assert download.progress.state == "done"
    assert download.progress.message == ""
    assert_whole(name, 40_000)


def test_no_space_is_said_first(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = publish(hub, tmp_path)
    monkeypatch.setattr(cache, "free_bytes", lambda: space.SPARE_BYTES + 40_024)
    download = Download(make_plan(name))
    hub.contents.clear()
    message = refusal(download.run, "no_space")
    assert all(part in message for part in ("40.0 kB", "200 MB", str(root()), "HF_HOME"))
    assert download.progress.state == "failed"
    assert hub.contents == []
    assert not root().exists()
    monkeypatch.setattr(cache, "free_bytes", lambda: space.SPARE_BYTES + 40_025)
    download.run()


def test_offline_mode_asks_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(hub, tmp_path)
    plan = make_plan(name)
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refusal(Download(plan).run, "offline")
    assert hub.requests == []


def test_licence_that_was_withdrawn_meanwhile(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    plan = make_plan(name)
    hub.gated.add(name)
    assert "accept its licence" in refusal(Download(plan).run, "gated")
