"""Which repositories a model needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from loopback_hub import Hub

from medusa_chat.errors import ModelError
from medusa_chat.models import base_choices
from medusa_chat.models.hub.plan_for import make_plan
from models.hub.repositories import publish, write_heads, write_model

HEADS = "somebody/heads"
BASE = "somebody/model"


@pytest.fixture
def base(hub: Hub, tmp_path: Path) -> str:
    return publish(hub, tmp_path, BASE)


def repositories(model: str, base: str | None = None) -> list[str]:
    return [str(part.reference) for part in make_plan(model, base).repositories]


def test_whole_model_needs_nothing_else(hub: Hub, base: str) -> None:
    assert repositories(base) == [BASE]


@pytest.mark.parametrize("file", ["medusa_lm_head.pt", "medusa_lm_head.safetensors"])
def test_heads_bring_the_base_that_they_name(
    file: str, hub: Hub, base: str, tmp_path: Path
) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", BASE, file)
    plan = make_plan(HEADS)
    assert repositories(HEADS) == [HEADS, BASE]
    assert plan.total_bytes == sum(part.total_bytes for part in plan.repositories) > 49_000


def test_base_that_somebody_names_comes_first(hub: Hub, base: str, tmp_path: Path) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", "nobody/nothing")
    hub.revisions[BASE, "fp16"] = write_model(tmp_path / "fp16")
    assert repositories(HEADS, BASE) == [HEADS, BASE]
    assert repositories(HEADS, f"{BASE}@fp16") == [HEADS, f"{BASE}@fp16"]
    assert not any("nothing" in request for request in hub.requests)


def test_base_in_a_folder_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", "nobody/nothing")
    folder = write_model(tmp_path / "base")
    assert repositories(HEADS, str(folder)) == [HEADS]


def test_heads_in_a_folder_fetch_their_base(hub: Hub, base: str, tmp_path: Path) -> None:
    folder = write_heads(tmp_path / "mine", BASE)
    assert repositories(str(folder)) == [BASE]
    assert repositories(str(write_heads(tmp_path / "other", None)), BASE) == [BASE]


def test_heads_as_vllm_has_them(hub: Hub, base: str, tmp_path: Path) -> None:
    folder = hub.folders[HEADS] = write_heads(tmp_path / "heads", None, "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "medusa"}))
    with pytest.raises(ModelError, match="--base-model"):
        make_plan(HEADS)
    assert repositories(HEADS, BASE) == [HEADS, BASE]


@pytest.mark.parametrize("named", [None, "", "/home/me/vicuna", "../vicuna", "a\x1b[2J"])
def test_base_that_cannot_be_found(named: str | None, hub: Hub, tmp_path: Path) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", named)
    with pytest.raises(ModelError, match="--base-model") as caught:
        make_plan(HEADS)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("base", ["{0}", "../heads/own", "~"])
def test_base_in_a_folder_is_not_for_a_repository_to_name(
    hub: Hub, tmp_path: Path, base: str
) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", base.format(tmp_path / "own"))
    write_model(tmp_path / "own")
    with pytest.raises(ModelError, match="no name on the Hub"):
        make_plan(HEADS)
    base_choices.remember(HEADS, str(tmp_path / "own"))
    assert repositories(HEADS) == [HEADS]


def test_base_that_is_heads_again(hub: Hub, tmp_path: Path) -> None:
    hub.folders[HEADS] = write_heads(tmp_path / "heads", HEADS)
    with pytest.raises(ModelError, match="--base-model"):
        make_plan(HEADS)
