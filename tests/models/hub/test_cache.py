"""What the cache is taken to hold, whoever has filled it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment
from huggingface_hub import constants, hf_hub_download, snapshot_download
from loopback_hub import Fault, Hub

from medusa_chat.models.hub.cache import (
    Usage,
    cached_folder,
    cached_repositories,
    reference_at,
    repository_folder,
    state_of,
    usage_of,
)
from medusa_chat.models.hub.download import Download
from medusa_chat.models.hub.plan_for import make_plan
from medusa_chat.models.hub.reference import Reference, parse
from models.hub.repositories import (
    WEIGHTS,
    in_background,
    publish,
    pull,
    wait_until,
    write_heads,
    write_model,
)

MODEL = Reference("somebody/model")


def test_nothing_is_there(hub: Hub) -> None:
    assert state_of(MODEL) == "absent"
    assert cached_folder(MODEL) is None
    assert usage_of(MODEL.repository) == Usage(0, 0)
    assert cached_repositories() == ()


def test_looking_asks_and_writes_nothing(hub: Hub, tmp_path: Path) -> None:
    pull(publish(hub, tmp_path))
    hub.requests.clear()
    before = sorted(tmp_path.rglob("*"))
    assert state_of(MODEL) == "here"
    assert usage_of(MODEL.repository) == Usage(40_025, 0)
    assert cached_repositories() == ("somebody/model",)
    assert hub.requests == []
    assert sorted(tmp_path.rglob("*")) == before


def test_part_of_a_download(hub: Hub, tmp_path: Path) -> None:
    hub.faults[WEIGHTS] = Fault(stall_after=9000)
    download = Download(make_plan(publish(hub, tmp_path)))
    thread = in_background(download)
    wait_until(lambda: usage_of("somebody/model").partial_bytes == 9025)
    assert (state_of(MODEL), cached_folder(MODEL)) == ("partial", None)
    download.pause()
    thread.join()
    assert usage_of("somebody/model") == Usage(0, 9025)


def test_model_of_another_program(hub: Hub, tmp_path: Path) -> None:
    folder = snapshot_download(publish(hub, tmp_path))
    assert cached_folder(MODEL) == Path(folder)


@pytest.mark.parametrize(
    ("fetched", "state"),
    [
        (("config.json",), "partial"),
        (("config.json", "tokenizer.json"), "partial"),
        (("config.json", WEIGHTS), "partial"),
        (("tokenizer.json", WEIGHTS), "partial"),
        (("config.json", "tokenizer.json", WEIGHTS), "here"),
    ],
)
def test_some_files_of_another_program(
    fetched: tuple[str, ...], state: str, hub: Hub, tmp_path: Path
) -> None:
    name = publish(hub, tmp_path)
    for file in fetched:
        hf_hub_download(name, file)
    assert state_of(MODEL) == state
    assert (cached_folder(MODEL) is not None) == (state == "here")


def test_listing_of_another_program_is_believed(hub: Hub, tmp_path: Path) -> None:
    """What was left out by patterns is known from the list that the library keeps."""
    name = publish(hub, tmp_path)
    (hub.folders[name] / "generation_config.json").write_text("{}  ")
    snapshot_download(name, ignore_patterns=["generation_config.json"])
    assert state_of(MODEL) == "partial"
    pull(name)
    assert state_of(MODEL) == "here"


def sharded(folder: Path, suffix: str, stem: str) -> tuple[Path, list[str]]:
    write_model(folder)
    (folder / WEIGHTS).unlink()
    shards = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    for shard in shards:
        (folder / shard).write_bytes(shard.encode() * 1000)
    index = {"weight_map": {"a": shards[0], "b": shards[1], "c": shards[1]}}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))
    return folder, shards


@pytest.mark.parametrize(("suffix", "stem"), [("safetensors", "model"), ("bin", "pytorch_model")])
def test_shards(suffix: str, stem: str, hub: Hub, tmp_path: Path) -> None:
    hub.folders["somebody/model"], shards = sharded(tmp_path / "sharded", suffix, stem)
    for name in ("config.json", "tokenizer.json", f"{stem}.{suffix}.index.json", shards[0]):
        hf_hub_download("somebody/model", name)
        assert state_of(MODEL) == "partial"
    pull("somebody/model")
    assert state_of(MODEL) == "here"
    folder = cached_folder(MODEL)
    assert folder is not None
    (folder / shards[1]).resolve().unlink()
    assert state_of(MODEL) == "partial"
    assert (
        make_plan("somebody/model").bytes_missing
        == (tmp_path / "sharded" / shards[1]).stat().st_size
    )
    pull("somebody/model")
    assert state_of(MODEL) == "here"


def test_heads_alone(hub: Hub, tmp_path: Path) -> None:
    hub.folders["somebody/model"] = write_heads(tmp_path / "heads", "nobody/nothing")
    hf_hub_download("somebody/model", "config.json")
    assert state_of(MODEL) == "partial"
    hf_hub_download("somebody/model", "medusa_lm_head.pt")
    assert state_of(MODEL) == "here"


def test_heads_of_vllm_need_no_tokenizer(hub: Hub, tmp_path: Path) -> None:
    folder = hub.folders["somebody/model"] = write_heads(tmp_path / "v", None, WEIGHTS)
    (folder / "config.json").write_text('{"model_type": "medusa"}')
    pull("somebody/model", str(write_model(tmp_path / "base")))
    assert state_of(MODEL) == "here"


def test_other_revision_is_not_taken_for_it(hub: Hub, tmp_path: Path) -> None:
    pull(publish(hub, tmp_path))
    assert cached_folder(Reference("somebody/model", "next")) is None
    assert cached_folder(Reference("somebody/model", "f" * 40)) is None


@pytest.mark.parametrize("damage", ["", "not a commit", "../../../somewhere"])
def test_branch_that_is_damaged(damage: str, hub: Hub, tmp_path: Path) -> None:
    pull(publish(hub, tmp_path))
    (repository_folder("somebody/model") / "refs/main").write_text(damage)
    assert cached_folder(MODEL) is None
    pull("somebody/model")
    assert state_of(MODEL) == "here"


def test_files_that_are_damaged(hub: Hub, tmp_path: Path) -> None:
    hub.folders["somebody/model"], _shards = sharded(tmp_path / "s", "bin", "pytorch_model")
    pull("somebody/model")
    folder = cached_folder(MODEL)
    assert folder is not None
    for name in ("pytorch_model.bin.index.json", "config.json"):
        (folder / name).resolve().write_text("{]")
    assert cached_folder(MODEL) is None


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_folder_is_the_one_that_the_variables_name(variable: str, tmp_path: Path) -> None:
    script = "from medusa_chat.models.hub.cache import root; print(root())"
    env = {name: value for name, value in environment().items() if not name.startswith("HF_H")}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=env | {variable: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == str(tmp_path / ("hub" if variable == "HF_HOME" else "."))


def test_names_of_repositories(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "names"))
    for name in ("gpt2", "lmsys/vicuna-7b-v1.3"):
        repository_folder(name).mkdir(parents=True)
    (tmp_path / "names/datasets--a--b").mkdir()
    assert cached_repositories() == ("gpt2", "lmsys/vicuna-7b-v1.3")
    assert parse("gpt2").repository == "gpt2"


def test_what_a_path_is_of_the_hub(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    pull(name)
    folder = cached_folder(Reference(name))
    assert folder is not None
    assert reference_at(folder) == reference_at(folder / "x.bin") == Reference(name)
    other = folder.with_name("0" * 40)
    assert reference_at(other) == Reference(name, "0" * 40)
    assert reference_at(tmp_path) is None
    assert reference_at(Path(constants.HF_HUB_CACHE)) is None
