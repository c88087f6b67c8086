"""What is said of a model of the Hub before anything of it is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import Hub
from models.hub.repositories import pull

from library.conftest import GB
from library.repositories import HEADS, publish_base, publish_heads, publish_merged
from medusa_chat.library.catalog import Machine, entry_of
from medusa_chat.library.remote import remote_entry
from medusa_chat.models.device_memory import DeviceMemory

CARD = Machine(DeviceMemory("cuda", "NVIDIA Test", 24 * GB, 23 * GB))


@pytest.mark.parametrize(("form", "shards"), [("safetensors", 2), ("bin", 1)])
def test_merged_heads_are_estimated_before_and_after_the_same(
    hub: Hub, tmp_path: Path, form: str, shards: int
) -> None:
    name = publish_merged(hub, tmp_path, form, shards)
    before = remote_entry(name, CARD)
    assert before.state == "remote"
    assert [choice.footprint.heads_bytes > 0 for choice in before.choices] == [True] * 3
    if shards == 1:  # what a single pickle holds is not read afterwards either
        return
    pull(name)
    after = entry_of(name, CARD)
    assert after is not None
    assert before.choices == after.choices


def test_model_without_heads_is_estimated_without(hub: Hub, tmp_path: Path) -> None:
    before = remote_entry(publish_base(hub, tmp_path), CARD)
    assert {choice.footprint.heads_bytes for choice in before.choices} == {0}
    assert before.best is not None


def test_heads_alone_weigh_what_their_file_does(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    before = remote_entry(publish_heads(hub, tmp_path), CARD)
    (weight,) = {choice.footprint.heads_bytes for choice in before.choices}
    assert weight == before.parts[0].bytes_total
    assert (before.name, len(before.parts)) == (HEADS, 2)
