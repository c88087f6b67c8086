"""The catalog: the listed models, what the cache holds of them, and what else is there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from loopback_hub import Hub
from models.hub.repositories import publish, pull
from tiny_models import random_heads, save_heads

from library.conftest import GB
from library.repositories import (
    BASE,
    HEADS,
    publish_base,
    publish_heads,
    publish_merged,
    publish_vllm,
)
from medusa_chat.errors import ModelError
from medusa_chat.library.catalog import Entry, Machine, entries, entry_of
from medusa_chat.library.fetching import missing_repository, plan_missing
from medusa_chat.library.speeds import Speed, record
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.files import find_files, source
from medusa_chat.models.hub.cache import blob_path, repository_folder
from medusa_chat.models.registry import known_models
from medusa_chat.settings import ModelSettings

CARD = Machine(DeviceMemory("cuda", "NVIDIA Test", 24 * GB, 23 * GB))
VICUNA = "FasterDecoding/medusa-vicuna-7b-v1.3"
REVISION = "7410cef96f753271a21e89d5421bf0d121441f9e"


def entry(name: str, machine: Machine | None = None) -> Entry:
    (found,) = (one for one in entries(machine) if one.name == name)
    assert found == entry_of(name, machine)
    return found


def test_all_that_is_listed(hub: Hub) -> None:
    found = entries(CARD)
    assert [one.name for one in found] == [model.name for model in known_models()]
    builtin, zephyr, *_ = found
    assert (builtin.state, builtin.parts, builtin.bytes_total) == ("built in", (), None)
    assert (zephyr.state, zephyr.bytes_here, zephyr.bytes_missing) == (
        "remote",
        0,
        15_961_997_312,
    )
    assert zephyr.best is not None
    assert (zephyr.best.bits, zephyr.best.verdict) == (16, "fits")
    assert [one.name for one in found if one.state == "gated"] == [
        "text-generation-inference/gemma-7b-it-medusa"
    ]
    assert hub.requests == []


def test_heads_count_with_their_base(hub: Hub) -> None:
    found = entry(VICUNA)
    assert (found.base, found.bytes_total) == ("lmsys/vicuna-7b-v1.3", 14_955_364_352)
    assert [str(part.reference) for part in found.parts] == [
        f"{VICUNA}@{REVISION}",
        "lmsys/vicuna-7b-v1.3@c52befa0b918d39b8ba3e3322f5e2ff2614e999e",
    ]


def test_context_and_precision_of_the_heads_change_the_fit() -> None:
    def total(machine: Machine) -> int:
        return entry(VICUNA, machine).choices[0].footprint.total

    assert total(dataclasses.replace(CARD, context_tokens=256)) < total(CARD)
    assert total(dataclasses.replace(CARD, context_tokens=10**6)) == total(CARD)
    assert total(dataclasses.replace(CARD, head_precision="8bit")) < total(CARD)


def test_unknown_device_gives_no_verdict() -> None:
    found = entry(VICUNA)
    assert [choice.bits for choice in found.choices] == [32, 16, 8, 4]
    assert {choice.verdict for choice in found.choices} == {None}
    assert found.best is None


def test_listed_model_from_remote_to_here(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path, "lmsys/vicuna-7b-v1.3")
    publish_heads(hub, tmp_path, VICUNA, "lmsys/vicuna-7b-v1.3")
    hub.revisions[VICUNA, "conversion"] = hub.folders[VICUNA]
    hub.commits["conversion"] = REVISION
    assert entry(VICUNA).state == "remote"
    pull("lmsys/vicuna-7b-v1.3")
    assert entry(VICUNA).state == "partial"
    assert entry(VICUNA).parts[0].state == "absent"
    pull(f"{VICUNA}@{REVISION}")
    found = entry(VICUNA)
    assert found.state == "here"
    size = sum(
        file.stat().st_size for part in found.parts for file in (part.folder or Path()).iterdir()
    )
    assert found.bytes_here == found.bytes_total == size
    assert found.bytes_missing == 0


def test_main_branch_that_is_here_is_as_good_as_its_conversion(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path, "lmsys/vicuna-7b-v1.3")
    publish_heads(hub, tmp_path, VICUNA, "lmsys/vicuna-7b-v1.3")
    hub.revisions[VICUNA, "conversion"] = hub.folders[VICUNA]
    hub.commits["conversion"] = REVISION
    assert source(ModelSettings(VICUNA)).name == f"{VICUNA}@{REVISION}"
    pull(f"{VICUNA}@main")
    assert source(ModelSettings(VICUNA)).name == VICUNA
    assert entry(VICUNA).state == "here"
    assert find_files(ModelSettings(VICUNA)).heads == entry(VICUNA).parts[0].folder
    pull(f"{VICUNA}@{REVISION}")
    assert source(ModelSettings(VICUNA)).name == f"{VICUNA}@{REVISION}"


def test_branch_that_was_asked_for_is_another_row(hub: Hub, tmp_path: Path) -> None:
    publish_heads(hub, tmp_path, VICUNA)
    publish_base(hub, tmp_path)
    pull(VICUNA)
    found = entry_of(f"{VICUNA}@main")
    assert found is not None
    assert (found.state, found.base) == ("here", BASE)
    assert entry_of(f"{VICUNA}@{REVISION}") == entry(VICUNA)


def test_alias_is_the_model(hub: Hub) -> None:
    found = entry_of("FasterDecoding/medusa-1.0-vicuna-7b-v1.5")
    assert found is not None
    assert found.name == "FasterDecoding/medusa-v1.0-vicuna-7b-v1.5"


def test_unlisted_model_in_the_cache(hub: Hub, tmp_path: Path) -> None:
    pull(publish_base(hub, tmp_path))
    found = entry(BASE, CARD)
    assert (found.state, found.layout, found.listed) == ("here", "plain", False)
    assert (found.context_tokens, found.heads, found.base) == (256, None, None)
    assert found.parameters == 2 * 512 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64) + 64
    assert found.best is not None
    assert found.best.verdict == "fits"


@pytest.mark.parametrize("shared", [False, True])
def test_unlisted_heads_in_the_cache(hub: Hub, tmp_path: Path, shared: bool) -> None:
    publish_base(hub, tmp_path)
    pull(publish_heads(hub, tmp_path, shared=shared))
    found = entry(HEADS)
    assert (found.state, found.base) == ("here", BASE)
    assert (found.layout, found.heads) == ("shared" if shared else "v0.1", 2)
    expected = sum(
        parameter.numel()
        for parameter in random_heads(vocabulary=None if shared else 512).parameters()
    )
    assert found.head_parameters == expected
    assert found.context_tokens == 256
    assert len(found.parts) == 2


def test_heads_in_a_pickle_are_not_opened(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    folder = save_heads(tmp_path / "x", random_heads(), base_model_name_or_path=BASE)
    (folder / "medusa_lm_head.safetensors").rename(folder / "medusa_lm_head.pt")
    hub.folders[HEADS] = folder
    pull(HEADS)
    found = entry(HEADS)
    assert (found.state, found.base, found.layout, found.heads) == ("here", BASE, None, None)


def test_vllm_heads_in_the_cache(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    name = publish_vllm(hub, tmp_path)
    pull(name, BASE)
    found = entry(name, CARD)
    # What they belong to, nobody has said: they cannot be loaded, nor estimated.
    assert (found.state, found.layout, found.heads) == ("partial", "vllm", 2)
    assert (found.needs_base, found.base, found.choices, found.bytes_total) == (
        True,
        None,
        (),
        None,
    )
    assert f"medusa-chat --model {name} --base-model BASE" in found.notes[0]
    with pytest.raises(ModelError, match="--base-model"):
        find_files(ModelSettings(name))
    assert missing_repository(ModelSettings(name, BASE)) is None
    found = entry(name, CARD)
    assert (found.state, found.base, found.needs_base, found.notes) == ("here", BASE, False, ())
    assert len(found.parts) == 2
    assert all(choice.footprint.heads_bytes for choice in found.choices)
    assert find_files(ModelSettings(name)).base_name == BASE


def test_base_that_was_named_once_is_fetched_with_its_heads(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    name = publish_vllm(hub, tmp_path)
    settings = ModelSettings(name, BASE)
    assert missing_repository(settings) == name
    plan_missing(settings, name)
    plan = plan_missing(ModelSettings(name), name)
    assert [str(part.reference) for part in plan.repositories] == [name, BASE]


def test_base_in_a_folder_that_the_user_named(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    name = publish_vllm(hub, tmp_path)
    pull(name, BASE)
    folder = hub.folders[BASE]
    assert missing_repository(ModelSettings(name, str(folder))) is None
    found = entry(name)
    assert (found.state, found.base, len(found.parts)) == ("here", str(folder), 1)
    assert found.parameters is not None


@pytest.mark.parametrize(("form", "shards"), [("safetensors", 1), ("safetensors", 2), ("bin", 2)])
def test_merged_model_in_the_cache(hub: Hub, tmp_path: Path, form: str, shards: int) -> None:
    name = publish_merged(hub, tmp_path, form, shards)
    pull(name)
    found = entry(name)
    assert (found.state, found.layout, found.heads) == ("here", "merged", 2)


def test_half_a_download_is_partial(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    blob = blob_path(name, "0" * 64 + ".incomplete")
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x" * 1000)
    found = entry(name)
    assert (found.state, found.bytes_here, found.bytes_total) == ("partial", 1000, None)
    assert found.bytes_missing is None


def test_what_is_no_language_model_is_not_shown(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    config = {"model_type": "bert", "architectures": ["BertModel"]}
    (hub.folders[name] / "config.json").write_text(json.dumps(config), "utf-8")
    pull(name)
    assert name not in [one.name for one in entries()]
    assert entry_of(name) is not None  # who asks for it by name is told


def test_model_of_unknown_shape_is_estimated_by_its_files(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    config = {"model_type": "mamba", "architectures": ["MambaForCausalLM"], "dtype": "float32"}
    (hub.folders[name] / "config.json").write_text(json.dumps(config), "utf-8")
    pull(name)
    found = entry(name, CARD)
    assert found.parameters is None
    assert found.choices[0].footprint.weights_bytes == 20_000  # 40,000 in float32, as 16 bits


def test_damaged_files_stay_unknown(hub: Hub, tmp_path: Path) -> None:
    name = publish_base(hub, tmp_path)
    pull(name)
    for file in repository_folder(name).glob("snapshots/*/*"):
        file.unlink()
        file.write_bytes(b"\xff{")
    found = entry_of(name, CARD)
    assert found is not None
    assert (found.layout, found.parameters) == ("plain", None)


def test_model_that_is_nowhere(hub: Hub) -> None:
    found = entry_of("somebody/else@v2")
    assert found is not None
    assert (found.name, found.state, found.listed) == ("somebody/else@v2", "remote", False)
    assert entry_of("../models") is None
    assert entry_of("a b") is None


def test_speed_is_shown_with_its_model(hub: Hub) -> None:
    speed = Speed(VICUNA, "4bit", "float16", "cuda:0", 50, 110, "2026-01-01T00:00:00+00:00")
    record(speed)
    assert entry(VICUNA).speed == speed
    assert entry("builtin").speed is None


def test_hostile_base_name_is_not_followed(hub: Hub, tmp_path: Path) -> None:
    for number, base in enumerate(("../../../etc", "x\x1b[31m", "", "a/b/c")):
        name = f"somebody/heads-{number}"
        folder = save_heads(tmp_path / f"{number}", random_heads(), base_model_name_or_path=base)
        hub.folders[name] = folder
        publish_base(hub, tmp_path / f"{number}", "good/base")
        pull(name, "good/base")
        found = entry(name)
        assert (len(found.parts), found.needs_base) == (1, True)
