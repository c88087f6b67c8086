"""What goes wrong while a file comes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download
from loopback_hub import Fault, Hub

from medusa_chat.errors import HubErrorKind
from medusa_chat.models.hub.cache import blob_path, cached_folder, partial_path, state_of
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import parse
from models.hub.repositories import (
    WEIGHTS,
    assert_nothing_was_asked_twice,
    content,
    first_bytes,
    partial_bytes,
    publish,
    pull,
    refusal,
    write_model,
)

SIZE = 40_000


def assert_here(name: str, size: int = SIZE) -> None:
    folder = cached_folder(parse(name))
    assert folder is not None
    assert (folder / WEIGHTS).read_bytes() == content(size)
    assert Path(snapshot_download(name, local_files_only=True)) == folder
    assert not list(folder.parents[1].glob("blobs/*.incomplete"))


def assert_not_broken(name: str) -> None:
    """Check that nothing takes the model for a whole one, and that the next pull brings it."""
    assert state_of(parse(name)) in ("partial", "absent")
    assert cached_folder(parse(name)) is None


@pytest.mark.parametrize("size", [0, 1, 23])
def test_cut_at_every_byte(size: int, hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    for cut in range(size + 1):
        name = publish(hub, tmp_path, f"somebody/cut-{cut}", size)
        hub.faults[WEIGHTS] = Fault(times=1, cut_after=cut)
        hub.contents.clear()
        pull(name)
        assert_here(name, size)
        if size:  # of nothing there is nothing to ask for
            assert_nothing_was_asked_twice(hub, WEIGHTS, size)
        assert first_bytes(hub) == ([0, cut] if cut < size else [0] * bool(size))


def test_small_files_go_on_too(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    hub.folders[name].joinpath("tokenizer.json").write_text('{"model": "any"}')
    hub.faults["tokenizer.json"] = Fault(cut_after=5)
    pull(name)
    assert_here(name)
    assert first_bytes(hub, "tokenizer.json") == [0, 5, 10, 15]


@pytest.mark.parametrize("cut", [0, 1, 22])
def test_cut_while_it_is_planned(cut: int, hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    hub.faults["config.json"] = Fault(times=2, cut_after=cut)
    pull(name)
    assert_here(name)


def test_cut_again_and_again_is_no_failure_while_bytes_come(
    hub: Hub, tmp_path: Path, waits: list[float]
) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(cut_after=1000)
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == list(range(0, SIZE, 1000))
    assert set(waits) == {1.0}


def test_connection_that_never_brings_anything(
    hub: Hub, tmp_path: Path, waits: list[float]
) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(cut_after=0)
    message = refusal(lambda: pull(name), "unreachable")
    assert name in message
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert_not_broken(name)
    del hub.faults[WEIGHTS]
    pull(name)
    assert_here(name)


def test_server_that_stalls(
    hub: Hub, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(times=2, stall_after=7000)
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == [0, 7000, 14000]


@pytest.mark.parametrize(
    ("status", "retry_after", "waited"),
    [
        (429, "7", [8.0]),
        (503, "100000", [310.0]),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", [1.0]),
        (408, None, [1.0]),
        (500, None, [1.0]),
        (502, None, [1.0]),
        (504, None, [1.0]),
        # The storage's: what the Hub redirected to has expired meanwhile.
        (403, None, [1.0]),
    ],
)
def test_answer_that_passes(
    status: int,
    retry_after: str | None,
    waited: list[float],
    hub: Hub,
    tmp_path: Path,
    waits: list[float],
) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(times=1, status=status, retry_after=retry_after)
    pull(name)
    assert_here(name)
    assert waits == waited


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limited"), (500, "server"), (503, "server")]
)
def test_answer_that_stays(
    status: int, kind: HubErrorKind, hub: Hub, tmp_path: Path, waits: list[float]
) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(status=status)
    assert str(status) in refusal(lambda: pull(name), kind)
    assert len(waits) == 7
    assert_not_broken(name)


def test_token_stays_with_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    hub.tokens["hf_mine"] = "me"
    name = publish(hub, tmp_path)
    pull(name)
    asked_with = {request.name: request.token for request in hub.contents}
    assert asked_with["config.json"] == "hf_mine"
    assert asked_with[WEIGHTS] is None


@pytest.mark.parametrize("listed", [SIZE - 1, SIZE + 1, 3])
def test_wrong_length_once(listed: int, hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(times=1, listed_length=listed)
    pull(name)
    assert_here(name)


@pytest.mark.parametrize("listed", [SIZE - 1, SIZE + 1])
def test_wrong_length_always(listed: int, hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(listed_length=listed)
    assert "damaged" in refusal(lambda: pull(name), "damaged")
    assert_not_broken(name)
    assert partial_bytes(name) == 0


def test_wrong_bytes_once(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.faults[WEIGHTS] = Fault(times=1, corrupt=True)
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == [0, 0]


@pytest.mark.parametrize("file", [WEIGHTS, "tokenizer.json"])
def test_wrong_bytes_always(file: str, hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.faults[file] = Fault(corrupt=True)
    message = refusal(lambda: pull(name), "damaged")
    assert file in message
    assert "checksum" in message
    assert_not_broken(name)
    assert partial_bytes(name) == 0


def test_wrong_bytes_on_the_disk(hub: Hub, tmp_path: Path) -> None:
    """A power cut may leave a part with its length but not its content."""
    name = publish(hub, tmp_path)
    partial = partial_of(name)
    partial.write_bytes(bytes(1234))
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == [1234, 0]


@pytest.mark.parametrize("length", [1, 1234, SIZE - 1])
def test_part_of_another_program_is_gone_on_with(length: int, hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    partial_of(name).write_bytes(content(SIZE)[:length])
    assert make_plan(name).bytes_here == length
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == [length]


@pytest.mark.parametrize("length", [SIZE, SIZE + 1])
def test_part_that_is_full(length: int, hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    partial_of(name).write_bytes(content(SIZE + 1)[:length])
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == ([] if length == SIZE else [0])


def test_server_that_knows_no_ranges(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    partial_of(name).write_bytes(content(SIZE)[:9999])
    hub.faults[WEIGHTS] = Fault(ignore_range=True)
    pull(name)
    assert_here(name)


def test_server_whose_file_is_shorter_now(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    name = publish(hub, tmp_path)
    plan = make_plan(name)
    partial_of(name).write_bytes(content(SIZE)[:9999])
    (hub.folders[name] / WEIGHTS).write_bytes(content(500))
    refusal(Download(plan).run, "damaged")
    assert_not_broken(name)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, "no_space", "make room"),
        (errno.EFBIG, "unwritable", "takes no file as large as 40.0 kB"),
    ],
)
def test_disk_that_takes_no_more(
    number: int,
    kind: HubErrorKind,
    said: str,
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = publish(hub, tmp_path)
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        left = 10_000 - os.fstat(descriptor).st_size
        if left <= 0:
            raise OSError(number, os.strerror(number))
        return write(descriptor, data[:left])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        message = refusal(lambda: pull(name), kind)
    assert said in message
    assert "HF_HOME" in message
    assert "What came is kept" in message
    assert str(tmp_path / "cache") in message
    assert partial_of(name).stat().st_size == 10_000
    assert_not_broken(name)
    pull(name)
    assert_here(name)
    assert first_bytes(hub) == [0, 10_000]


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs POSIX modes, and root is refused nothing"
)
def test_cache_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    (tmp_path / "cache").mkdir(mode=0o500)
    assert "HF_HOME" in refusal(lambda: pull(name), "unwritable")


def test_cache_whose_place_is_a_file(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    (tmp_path / "cache").write_text("no folder")
    assert "HF_HOME" in refusal(lambda: pull(name), "unwritable")


def test_file_that_is_there_is_not_asked_for(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.folders["somebody/other"] = write_model(tmp_path / "hub/other", SIZE + 4)
    pull(name)
    hub.contents.clear()
    pull(name)
    assert first_bytes(hub) == []


def partial_of(name: str) -> Path:
    (file,) = (file for file in make_plan(name).repositories[0].files if file.name == WEIGHTS)
    path = partial_path(name, file.etag)
    assert path.parent == blob_path(name, file.etag).parent
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
