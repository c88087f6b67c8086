"""A download as a whole: paused, cancelled, killed, doubled; and the cache that it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command_line import environment
from huggingface_hub import constants, scan_cache_dir, snapshot_download
from loopback_hub import COMMIT, Fault, Hub

from medusa_chat.models.hub import cache, space
from medusa_chat.models.hub.cache import cached_folder, repository_folder, root, state_of
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from models.hub.repositories import (
    PULL,
    WEIGHTS,
    content,
    first_bytes,
    in_background,
    partial_bytes,
    publish,
    pull,
    refusal,
    wait_until,
    write_heads,
    write_model,
)

LARGE = 400_000


def slow_model(hub: Hub, tmp_path: Path, bytes_per_second: int = 200_000) -> str:
    name = publish(hub, tmp_path, size=LARGE)
    hub.faults[WEIGHTS] = Fault(bytes_per_second=bytes_per_second)
    return name


def assert_whole(name: str, size: int = LARGE) -> None:
    folder = cached_folder(parse(name))
    assert folder is not None
    assert (folder / WEIGHTS).read_bytes() == content(size)
    assert partial_bytes(name) == 0


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


def test_pause_and_resume(hub: Hub, tmp_path: Path) -> None:
    name = slow_model(hub, tmp_path)
    download = Download(make_plan(name))
    lengths = []
    for part in (1, 2):
        thread = in_background(download)
        enough = part * LARGE / 4
        wait_until(lambda: download.progress.done_bytes > enough)  # noqa: B023
        download.pause()
        thread.join()
        progress = download.progress
        assert progress.state == "paused"
        assert partial_bytes(name) >= LARGE / 4
        assert progress.done_bytes == partial_bytes(name) + 25
        lengths.append(partial_bytes(name))
        assert state_of(parse(name)) == "partial"
    download.run()
    assert_whole(name)
    assert first_bytes(hub) == [0, *lengths]


def test_pause_wakes_what_waits_for_bytes(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 60)
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(stall_after=1000, times=1)
    download = Download(make_plan(name))
    thread = in_background(download)
    wait_until(lambda: partial_bytes(name) >= 1000)
    download.pause()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert download.progress.state == "paused"
    download.run()
    assert first_bytes(hub) == [0, 1000]


def test_pause_wakes_what_waits_to_try_again(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(status=429, retry_after="300")
    download = Download(make_plan(name))
    thread = in_background(download)
    wait_until(lambda: download.progress.state == "retrying")
    assert "429" in download.progress.message
    download.pause()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_cancel_removes_what_came(hub: Hub, tmp_path: Path) -> None:
    kept = publish(hub, tmp_path, "somebody/kept")
    pull(kept)
    name = slow_model(hub, tmp_path)
    download = Download(make_plan(name))
    thread = in_background(download)
    wait_until(lambda: download.progress.done_bytes > LARGE / 4)
    download.cancel()
    thread.join()
    assert download.progress.state == "cancelled"
    assert download.progress.done_bytes == 0
    assert state_of(parse(name)) == "absent"
    assert not repository_folder(name).exists()
    assert state_of(parse(kept)) == "here"


def test_cancel_of_what_is_paused(hub: Hub, tmp_path: Path) -> None:
    name = slow_model(hub, tmp_path)
    download = Download(make_plan(name))
    thread = in_background(download)
    wait_until(lambda: partial_bytes(name) > 0)
    download.pause()
    thread.join()
    download.cancel()
    assert download.progress.state == "cancelled"
    assert not repository_folder(name).exists()
    download.run()  # is over
    assert not repository_folder(name).exists()


def test_cancel_spares_what_was_whole(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path, size=LARGE)
    hub.revisions[name, "next"] = write_model(tmp_path / "next", LARGE)
    (tmp_path / "next/more.json").write_text("{}" * 10)
    hub.commits["next"] = "f" * 40
    pull(name)
    hub.faults["more.json"] = Fault(stall_after=3)
    download = Download(make_plan(f"{name}@next"))
    thread = in_background(download)
    wait_until(lambda: partial_bytes(name) == 3)
    download.cancel()
    thread.join()
    assert_whole(name)


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


def pulling(hub: Hub, name: str, home: Path) -> subprocess.Popen[bytes]:
    env = environment(**hub.environment, HF_HOME=str(home))
    env.pop("HF_HUB_CACHE", None)
    return subprocess.Popen([sys.executable, "-c", PULL, name], env=env, stdout=subprocess.PIPE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the HF_HOME of other processes, in which this one looks too."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home/hub"))
    return tmp_path / "home"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_and_resumed(hub: Hub, tmp_path: Path, home: Path) -> None:
    name = slow_model(hub, tmp_path)
    lengths = []
    for part in (1, 2):
        process = pulling(hub, name, home)
        enough = part * LARGE / 4
        wait_until(lambda: partial_bytes(name) > enough)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lengths.append(partial_bytes(name))
        assert state_of(parse(name)) == "partial"
        assert cached_folder(parse(name)) is None
    hub.faults.clear()
    process = pulling(hub, name, home)
    assert process.wait(timeout=60) == 0
    process.communicate()
    assert_whole(name)
    # From exactly what was on the disk on: not a byte less, not a byte more.
    assert first_bytes(hub) == [0, *lengths]
    assert not (tmp_path / "cache").exists()


def test_two_programs_at_once(hub: Hub, tmp_path: Path, home: Path) -> None:
    name = slow_model(hub, tmp_path, 400_000)
    processes = [pulling(hub, name, home) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    assert_whole(name)
    assert first_bytes(hub) == [0]


def test_two_downloads_in_one_program(hub: Hub, tmp_path: Path) -> None:
    name = slow_model(hub, tmp_path)
    first, second = Download(make_plan(name)), Download(make_plan(name))
    threads: list[threading.Thread] = [in_background(first)]
    wait_until(lambda: partial_bytes(name) > 0)
    threads.append(in_background(second))
    wait_until(lambda: second.progress.state == "waiting" and second.progress.message)
    assert "another program" in second.progress.message
    wait_until(lambda: second.progress.done_bytes > LARGE / 2)
    for thread in threads:
        thread.join()
    assert first.progress.state == second.progress.state == "done"
    assert first_bytes(hub) == [0]
    assert_whole(name)
