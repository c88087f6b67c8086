"""Models from the Hub, against one on loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden_data import TINY_LLAMA
from huggingface_hub import constants
from loopback_hub import Hub, Refusal, serving
from safetensors.torch import load_file
from tiny_models import random_heads, save_heads, save_weights

from medusa_chat.errors import ModelError
from medusa_chat.models.hub import local_folder
from medusa_chat.models.loader import load
from medusa_chat.settings import ModelSettings


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return a Hub that this process is pointed at, with a cache of its own."""
    with serving(Hub()) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.chdir(tmp_path)
        yield hub


def pulled(name: str) -> Path:
    return local_folder(name, lambda _stage: None)


def refusal(name: str) -> str:
    with pytest.raises(ModelError) as caught:
        pulled(name)
    message = str(caught.value)
    assert name in message
    assert len(message.splitlines()) <= 2
    return message


def asked_for(hub: Hub, suffix: str) -> bool:
    return any(request.endswith(suffix) for request in hub.requests)


@pytest.fixture
def pickled_base(tmp_path: Path) -> Path:
    """Return tiny-llama as two ``.bin`` shards."""
    folder = tmp_path / "pickled"
    shutil.copytree(TINY_LLAMA, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    save_weights(folder, tensors, "bin", shards=2)
    return folder


def test_heads_and_base_are_pulled_once(hub: Hub, tmp_path: Path) -> None:
    heads = save_heads(
        tmp_path / "heads", random_heads(96), base_model_name_or_path="somebody/tiny-llama"
    )
    hub.folders |= {"somebody/medusa": heads, "somebody/tiny-llama": TINY_LLAMA}
    stages: list[str] = []
    settings = ModelSettings("somebody/medusa")
    assert load(settings, stages.append).heads == 2
    for name in ("somebody/medusa", "somebody/tiny-llama"):
        assert f"Looking for {name} on the Hub" in stages
        assert any(stage.startswith(f"Downloading {name}: ") for stage in stages)
    hub.requests.clear()
    assert load(settings, lambda _stage: None).heads == 2
    assert hub.requests == []


def test_progress_tells_the_size(hub: Hub) -> None:
    hub.folders["somebody/tiny-llama"] = TINY_LLAMA
    stages: list[str] = []
    local_folder("somebody/tiny-llama", stages.append)
    assert stages[0] == "Looking for somebody/tiny-llama on the Hub"
    assert re.fullmatch(r"Downloading somebody/tiny-llama: \d+ k?B of [\d.]+ [kM]?B", stages[1])


def test_pickles_are_left_where_there_is_a_safetensors_file(hub: Hub, pickled_base: Path) -> None:
    shutil.copy(TINY_LLAMA / "model.safetensors", pickled_base)
    hub.folders["somebody/both"] = pickled_base
    folder = pulled("somebody/both")
    assert (folder / "model.safetensors").is_file()
    assert not asked_for(hub, ".bin")
    hub.requests.clear()
    assert pulled("somebody/both") == folder
    assert hub.requests == []


def test_pickles_are_taken_where_there_is_nothing_else(hub: Hub, pickled_base: Path) -> None:
    hub.folders["somebody/pickled"] = pickled_base
    folder = pulled("somebody/pickled")
    assert len(list(folder.glob("*.bin"))) == 2
    hub.requests.clear()
    model = load(ModelSettings("somebody/pickled"), lambda _stage: None)
    assert model.plain_reason == "the model has no Medusa heads"
    assert hub.requests == []


def test_pickled_heads(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    folder.mkdir()
    (folder / "medusa_lm_head.pt").write_bytes(b"any")
    (folder / "config.json").write_text("{}")
    hub.folders["somebody/heads"] = folder
    assert (pulled("somebody/heads") / "medusa_lm_head.pt").is_file()
    hub.requests.clear()
    pulled("somebody/heads")
    assert hub.requests == []


def test_what_other_programs_need_is_left(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    shutil.copytree(TINY_LLAMA, folder)
    (folder / "onnx").mkdir()
    for name in ("consolidated.safetensors", "onnx/model.safetensors", "tf_model.h5", "a.gguf"):
        (folder / name).write_bytes(b"large")
        hub.folders["somebody/large"] = folder
    kept = {file.name for file in pulled("somebody/large").rglob("*")}
    assert kept == {file.name for file in TINY_LLAMA.iterdir()}


def test_download_that_was_cut_short_is_not_taken_for_the_whole(
    hub: Hub, pickled_base: Path
) -> None:
    hub.folders["somebody/pickled"] = pickled_base
    folder = pulled("somebody/pickled")
    shard = sorted(folder.glob("*.bin"))[0]
    shard.resolve().unlink()
    shard.unlink()
    assert pulled("somebody/pickled") == folder
    assert shard.is_file()


def test_local_folder_comes_before_the_hub(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "somebody/tiny").mkdir(parents=True)
    assert pulled("somebody/tiny") == Path("somebody/tiny")
    assert hub.requests == []


@pytest.mark.parametrize(
    "refused",
    [
        None,
        Refusal(404, "RepoNotFound", "Repository not found"),
        Refusal(403, "RepoNotFound"),
    ],
    ids=str,
)
def test_model_that_is_not_there(refused: Refusal | None, hub: Hub) -> None:
    if refused is not None:
        hub.refusals["nobody/nothing"] = refused
    assert "no model on the Hub" in refusal("nobody/nothing")
    assert all("nobody/nothing" in request for request in hub.requests)


@pytest.mark.parametrize("status", [401, 403])
def test_gated_model(status: int, hub: Hub) -> None:
    hub.refusals["meta/gated"] = Refusal(status, "GatedRepo", "Access to this model is restricted")
    message = refusal("meta/gated")
    assert "accept its licence" in message
    assert "HF_TOKEN" in message


@pytest.mark.parametrize("status", [401, 403])
def test_token_that_is_refused(status: int, hub: Hub) -> None:
    message = "Invalid credentials in Authorization header"
    hub.refusals["somebody/private"] = Refusal(status, message=message)
    assert "check HF_TOKEN" in refusal("somebody/private")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_hub_that_fails(status: int, hub: Hub) -> None:
    hub.refusals["somebody/anything"] = Refusal(status)
    assert "try again" in refusal("somebody/anything")


def test_hub_that_is_down(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Hub()) as gone:
        pass
    monkeypatch.setattr(constants, "ENDPOINT", gone.url)
    assert "cannot be reached" in refusal("somebody/anything")


def test_offline_by_choice(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.folders["somebody/tiny-llama"] = TINY_LLAMA
    assert "cannot be reached" in refusal("somebody/tiny-llama")


def test_model_that_was_pulled_needs_no_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.folders["somebody/tiny-llama"] = TINY_LLAMA
    folder = pulled("somebody/tiny-llama")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert pulled("somebody/tiny-llama") == folder
