"""What ``run`` and ``train`` fetch before they begin, and what they say of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from golden_data import TINY_LLAMA
from huggingface_hub import constants
from loopback_hub import Hub
from tiny_models import random_heads, save_heads

from medusa_chat.errors import HubError, UsageError
from medusa_chat.library import fetching
from medusa_chat.library.fetching import fetch_missing, missing_config
from medusa_chat.models.files import find_files, source
from medusa_chat.models.hub import fetch as hub_fetch
from medusa_chat.models.hub.plan import Plan
from medusa_chat.models.hub.progress import FileProgress, Progress
from medusa_chat.models.layout import read_config
from medusa_chat.settings import ModelSettings

MODEL = "somebody/model"
BASE = "somebody/base"


@pytest.fixture(autouse=True)
def base(hub: Hub) -> None:
    """Put the base on the Hub."""
    hub.folders[BASE] = TINY_LLAMA


def save(folder: Path) -> Path:
    return save_heads(folder, random_heads(96), base_model_name_or_path=BASE)


def test_sizes_before_the_download_and_nothing_when_all_is_here(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.folders[MODEL] = save(tmp_path / "heads")
    settings = ModelSettings(MODEL)
    fetch_missing(settings)
    said = capsys.readouterr()
    assert said.out == ""
    heads, base, sum_, done = said.err.splitlines()
    assert heads.startswith(f"{MODEL}: ")
    assert base.startswith(f"{BASE}: ")
    assert sum_.startswith("Fetching ")
    assert done == f"Fetched {MODEL}."
    assert find_files(settings).base_name == BASE
    hub.requests.clear()
    fetch_missing(settings)
    assert capsys.readouterr().err == ""
    assert hub.requests == []


def test_unknown_template_is_said_before_anything_is_fetched(hub: Hub) -> None:
    with pytest.raises(UsageError, match="'zephyrr' is not known"):
        fetch_missing(ModelSettings(BASE, template="zephyrr"))
    assert hub.requests == []


def test_notice_of_an_alias_is_told_before_anything_is_fetched(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ModelSettings("FasterDecoding/medusa-1.0-vicuna-7b-v1.5")
    with pytest.raises(HubError):
        fetch_missing(settings)
    (line,) = capsys.readouterr().err.splitlines()
    assert "is called FasterDecoding/medusa-v1.0-vicuna-7b-v1.5 on the Hub" in line
    name = source(settings).name.partition("@")[0]
    hub.folders[name] = TINY_LLAMA
    hub.commits["pinned"] = source(settings).name.partition("@")[2]
    hub.revisions[name, "pinned"] = TINY_LLAMA
    told = fetch_missing(settings)
    assert told == source(settings).notices
    assert capsys.readouterr().err.splitlines()[0] == told[0]
    # All of it is here: loading tells it.
    assert fetch_missing(settings) == ()
    assert capsys.readouterr().err == ""


def test_what_is_here_is_not_fetched_again(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_missing(ModelSettings(BASE))
    hub.folders[MODEL] = save(tmp_path / "heads")
    hub.requests.clear()
    fetch_missing(ModelSettings(MODEL))
    assert "of it here" in capsys.readouterr().err
    asked = [request for request in hub.requests if BASE in request]
    assert asked
    assert not [request for request in asked if request.endswith(".safetensors")]


def test_base_that_the_user_names(hub: Hub, tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads(96), base_model_name_or_path="not/this")
    hub.folders[MODEL] = heads
    settings = ModelSettings(MODEL, base_model=BASE)
    fetch_missing(settings)
    assert find_files(settings).base_name == BASE
    # Heads in a folder: only their base comes from the Hub.
    shutil.rmtree(constants.HF_HUB_CACHE)
    fetch_missing(ModelSettings(str(heads), base_model=BASE))
    assert find_files(ModelSettings(str(heads), base_model=BASE)).heads == heads


def test_the_config_of_a_base_is_read_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.folders[MODEL] = save(tmp_path / "heads")
    expected = read_config(TINY_LLAMA)
    for name in (BASE, MODEL):
        assert missing_config(ModelSettings(name)) == expected
        assert not [one for one in hub.requests if one.endswith((".safetensors", ".pt"))]
        with pytest.raises(HubError):
            find_files(ModelSettings(name))
    fetch_missing(ModelSettings(MODEL))
    hub.requests.clear()
    assert missing_config(ModelSettings(MODEL)) is None
    assert hub.requests == []


def test_model_that_the_hub_does_not_have(hub: Hub) -> None:
    with pytest.raises(HubError, match="nobody/nothing"):
        fetch_missing(ModelSettings("nobody/nothing"))


def at(done: int) -> Progress:
    files = (FileProgress(MODEL, "a", 1000, done),)
    return Progress(MODEL, "downloading", files, bytes_per_second=100)


def fetching_as(monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., None]) -> None:
    monkeypatch.setattr(hub_fetch, "fetch", fetch)
    monkeypatch.setattr(fetching, "plan_missing", lambda *_: Plan(MODEL, ()))


def test_progress_in_a_pipe_is_a_line_now_and_then(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(_plan: Plan, on_progress: Callable[[Progress], None]) -> None:
        on_progress(at(0))
        monkeypatch.setattr(fetching, "_LINE_SECONDS", 0)
        on_progress(at(400))

    fetching_as(monkeypatch, fetch)
    fetch_missing(ModelSettings(MODEL))
    _, line, _ = capsys.readouterr().err.splitlines()
    assert line == f"Downloading {MODEL}: 400 B of 1.00 kB, 100 B/s, 6 s left"


def test_interrupt_says_that_what_came_is_kept(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(_plan: Plan, _on_progress: Callable[[Progress], None]) -> None:
        raise KeyboardInterrupt

    fetching_as(monkeypatch, fetch)
    with pytest.raises(KeyboardInterrupt):
        fetch_missing(ModelSettings(MODEL))
    assert "the same command goes on" in capsys.readouterr().err.splitlines()[-1]
