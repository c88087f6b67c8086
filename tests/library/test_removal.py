"""What removing a model says, frees and spares."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import Hub
from models.hub.repositories import pull

from library.repositories import BASE, HEADS, publish_base, publish_heads
from medusa_chat.errors import HubError, UsageError
from medusa_chat.library.removal import plan_removal
from medusa_chat.models.hub.cache import repository_folder, state_of
from medusa_chat.models.hub.reference import Reference, parse

VICUNA = "FasterDecoding/medusa-vicuna-7b-v1.3"


@pytest.fixture
def heads(hub: Hub, tmp_path: Path) -> str:
    publish_base(hub, tmp_path)
    name = publish_heads(hub, tmp_path)
    pull(name)
    return name


def blobs(*names: str) -> int:
    files = (file for name in names for file in repository_folder(name).glob("blobs/*"))
    return sum(file.stat().st_size for file in files)


def test_base_is_spared_unless_it_is_asked_for(heads: str) -> None:
    removal = plan_removal(heads)
    assert removal.frees_bytes == blobs(heads)
    first, second = removal.words.splitlines()
    assert first.startswith(f"Removing {heads} (")
    assert "frees" in first
    assert f"Its base {BASE} (" in second
    assert f"models remove {heads} --with-base" in second
    removal.execute()
    assert state_of(parse(heads)) == "absent"
    assert state_of(parse(BASE)) == "here"


def test_with_base(heads: str) -> None:
    removal = plan_removal(heads, with_base=True)
    assert removal.frees_bytes == blobs(heads, BASE)
    assert removal.spared == ()
    removal.execute()
    assert state_of(parse(heads)) == state_of(parse(BASE)) == "absent"


def test_base_that_other_heads_need_is_spared_always(heads: str, hub: Hub, tmp_path: Path) -> None:
    other = publish_heads(hub, tmp_path, "somebody/others")
    pull(other)
    removal = plan_removal(heads, with_base=True)
    (spared,) = removal.spared
    assert spared.endswith(f"is spared: {other} needs it.")
    removal.execute()
    assert state_of(parse(BASE)) == "here"
    assert plan_removal(other, with_base=True).spared == ()


def test_removing_a_base_names_who_needs_it(heads: str) -> None:
    assert plan_removal(BASE).spared == (f"{HEADS} cannot be used without it.",)


def test_name_of_a_listed_model_means_all_of_its_revisions(hub: Hub, tmp_path: Path) -> None:
    publish_base(hub, tmp_path)
    publish_heads(hub, tmp_path, VICUNA)
    pull(VICUNA)
    plan_removal(VICUNA).execute()
    assert not repository_folder(VICUNA).exists()


def test_revision(hub: Hub, tmp_path: Path, heads: str) -> None:
    hub.revisions[heads, "next"] = hub.folders[heads]
    hub.commits["next"] = "f" * 40
    pull(f"{heads}@next")
    removal = plan_removal(f"{heads}@next")
    assert removal.frees_bytes == 0
    assert "belong to another revision" in removal.words
    removal.execute()
    assert state_of(Reference(heads)) == "here"
    assert state_of(Reference(heads, "next")) != "here"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("builtin", "ships with the program"),
        ("{tmp}", "is a folder of your own"),
        ("a b", "is no Hub id"),
    ],
)
def test_what_cannot_be_removed(hub: Hub, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_removal(name.format(tmp=tmp_path))


def test_what_is_not_here(hub: Hub) -> None:
    with pytest.raises(HubError, match=r"Nothing of FasterDecoding/.* is in the Hub's cache"):
        plan_removal("FasterDecoding/medusa-1.0-zephyr-7b-beta")
