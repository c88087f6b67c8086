"""From a model's name to its folders, by what is on this machine alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from golden_data import GOLDEN, TINY_LLAMA
from huggingface_hub import constants
from safetensors.torch import save_file
from tiny_models import by_vllm_name, random_heads, save_heads

from medusa_chat.errors import HubError, ModelError
from medusa_chat.models import registry
from medusa_chat.models.files import find_files, source
from medusa_chat.settings import ModelSettings

V01 = GOLDEN / "medusa/models/tiny-llama-heads-v01"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the Hub's cache of this test, where nothing is yet."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "home"))
    return tmp_path / "cache"


def keep(cache: Path, repository: str, folder: Path, revision: str = "main") -> Path:
    """Put a copy of ``folder`` into the cache, and return where it lies there."""
    kept = cache / f"models--{repository.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True, exist_ok=True)
    (kept / "refs" / revision).write_text(COMMIT)
    return Path(shutil.copytree(folder, kept / "snapshots" / COMMIT))


def missing(model: str, **settings: str) -> HubError:
    with pytest.raises(HubError) as caught:
        find_files(ModelSettings(model, **settings))  # type: ignore[arg-type]
    assert caught.value.kind == "missing"
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_model_of_the_hub_that_is_not_here() -> None:
    error = missing("somebody/model")
    assert error.repository == "somebody/model"
    assert "`medusa-chat models pull somebody/model`" in str(error)


def test_model_in_the_cache(cache: Path) -> None:
    folder = keep(cache, "somebody/model", TINY_LLAMA)
    files = find_files(ModelSettings("somebody/model"))
    assert (files.base, files.heads, files.base_name) == (folder, folder, "somebody/model")


def test_only_the_revision_asked_for_will_do(cache: Path) -> None:
    folder = keep(cache, "somebody/model", TINY_LLAMA, revision="v2")
    missing("somebody/model")
    assert find_files(ModelSettings("somebody/model@v2")).base == folder
    assert find_files(ModelSettings(f"somebody/model@{COMMIT}")).base == folder


def test_heads_and_base_in_the_cache(cache: Path, tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads(96), base_model_name_or_path="a/base")
    kept = keep(cache, "somebody/heads", heads)
    error = missing("somebody/heads")
    assert error.repository == "a/base"
    # Pulling the heads brings their base along.
    assert "pull somebody/heads`" in str(error)
    base = keep(cache, "a/base", TINY_LLAMA)
    files = find_files(ModelSettings("somebody/heads"))
    assert (files.base, files.heads, files.base_name) == (base, kept, "a/base")


def test_own_heads_of_a_base_on_the_hub(tmp_path: Path) -> None:
    heads = save_heads(tmp_path / "heads", random_heads(96), base_model_name_or_path="a/base")
    assert "pull a/base`" in str(missing(str(heads)))


def test_base_that_the_user_names_comes_first(cache: Path) -> None:
    assert missing(str(V01), base_model="a/base").repository == "a/base"
    base = keep(cache, "a/base", TINY_LLAMA)
    files = find_files(ModelSettings(str(V01), base_model="a/base"))
    assert (files.base, files.heads) == (base, V01)


@pytest.mark.parametrize("base", ["../../../../own/model", "{own}/model", "own/model"])
def test_heads_of_the_hub_name_no_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY_LLAMA, tmp_path / "own/model")
    base = base.format(own=tmp_path / "own")
    heads = save_heads(tmp_path / "own/heads", random_heads(96), base_model_name_or_path=base)
    kept = keep(cache, "somebody/heads", heads)
    for model in ("somebody/heads", str(kept)):
        with pytest.raises(ModelError, match=r"--base-model|in the Hub's cache"):
            find_files(ModelSettings(model))
    # Its user may, and heads of one's own as well.
    named = find_files(ModelSettings("somebody/heads", base_model="own/model"))
    assert named.base == Path("own/model")
    if base != "../../../../own/model":
        assert find_files(ModelSettings(str(heads))).base.samefile("own/model")


def test_vllm_heads_need_a_base(tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    folder.mkdir()
    save_file(by_vllm_name(random_heads(96)), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "medusa", "num_heads": 2}))
    with pytest.raises(ModelError, match="--base-model"):
        find_files(ModelSettings(str(folder)))
    files = find_files(ModelSettings(str(folder), base_model=str(TINY_LLAMA)))
    assert (files.base, files.heads) == (TINY_LLAMA, folder)


def test_vllm_heads_in_a_pickle_are_told_by_their_config(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"not opened")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "medusa"}))
    with pytest.raises(ModelError, match="--base-model"):
        find_files(ModelSettings(str(tmp_path)))


def test_base_that_is_known_by_name() -> None:
    known = registry.find("abhigoyal/vllm-medusa-vicuna-7b-v1.3")
    assert known is not None
    assert source(ModelSettings(known.name)).base == f"{known.base}@{known.base_revision}"
    assert source(ModelSettings(known.name, "other/base")).base == "other/base"


def test_alias_is_followed_with_a_notice() -> None:
    alias, name = (
        "FasterDecoding/medusa-1.0-vicuna-7b-v1.5",
        "FasterDecoding/medusa-v1.0-vicuna-7b-v1.5",
    )
    found = source(ModelSettings(alias))
    assert found.name.partition("@")[0] == name
    (notice,) = found.notices
    assert alias in notice
    assert name in notice
    assert source(ModelSettings(f"{alias}@v1")).name == f"{name}@v1"
    assert source(ModelSettings("some/thing@v1")).name == "some/thing@v1"


def test_pinned_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = registry.KnownModel(
        "a/heads", "Heads", base="a/base", revision="one", base_revision="two"
    )
    monkeypatch.setattr(registry, "find", lambda _name: pinned)
    assert source(ModelSettings("a/heads")).name == "a/heads@one"
    assert source(ModelSettings("a/heads")).base == "a/base@two"
    assert source(ModelSettings("a/heads@main")).name == "a/heads@main"


def test_main_branch_will_do_instead_of_a_pinned_revision(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    pinned = registry.KnownModel("a/model", "Model", revision="one")
    monkeypatch.setattr(registry, "find", lambda _name: pinned)
    assert missing("a/model").repository == "a/model@one"
    folder = keep(cache, "a/model", TINY_LLAMA)
    assert find_files(ModelSettings("a/model")).base == folder
    missing("a/model@one")


def test_builtin_model_needs_no_cache() -> None:
    files = find_files(ModelSettings())
    assert files.base.is_dir()
    assert files.heads.name == "medusa"


def test_local_folder_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY_LLAMA, tmp_path / "somebody/tiny")
    assert find_files(ModelSettings("somebody/tiny")).base == Path("somebody/tiny")
