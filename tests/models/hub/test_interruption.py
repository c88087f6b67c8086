"""A download that is paused, cancelled, killed, or done twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command_line import environment
from huggingface_hub import constants
from loopback_hub import Fault, Hub

from medusa_chat.models.hub.cache import blob_path, cached_folder, repository_folder, state_of
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from models.hub.repositories import (
    LARGE,
    PULL,
    WEIGHTS,
    assert_whole,
    first_bytes,
    in_background,
    partial_bytes,
    publish,
    pull,
    refusal,
    slow_model,
    wait_until,
    write_model,
)


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


def test_cancel_spares_what_another_fetches(hub: Hub, tmp_path: Path) -> None:
    name = slow_model(hub, tmp_path)
    first, second = Download(make_plan(name)), Download(make_plan(name))
    threads = [in_background(first)]
    wait_until(lambda: partial_bytes(name) > 0)
    threads.append(in_background(second))
    wait_until(lambda: second.progress.message)
    second.cancel()
    for thread in reversed(threads):
        thread.join()
    assert (first.progress.state, second.progress.state) == ("done", "cancelled")
    assert first_bytes(hub) == [0]
    assert_whole(name)


def test_files_that_are_removed_meanwhile(hub: Hub, tmp_path: Path) -> None:
    name = slow_model(hub, tmp_path)
    download = Download(make_plan(name))
    failures: list[str] = []
    thread = threading.Thread(target=lambda: failures.append(refusal(download.run, "damaged")))
    thread.start()
    wait_until(lambda: download.progress.done_bytes > LARGE / 4)
    for file in download.plan.repositories[0].files:
        blob_path(name, file.etag).unlink(missing_ok=True)
    thread.join()
    assert "try again" in failures[0]
    assert state_of(parse(name)) == "partial"
    download.run()
    assert_whole(name)
