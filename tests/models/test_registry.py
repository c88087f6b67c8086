"""What ships in models.toml, its schema, and the user's own file over it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from medusa_chat import paths
from medusa_chat.decoding.presets import presets
from medusa_chat.errors import UsageError
from medusa_chat.models import registry
from medusa_chat.models.hub.reference import is_hub_id
from medusa_chat.models.registry import KnownModel, known_models
from medusa_chat.models.shape import ModelShape
from medusa_chat.models.templates import FAMILIES

ZEPHYR = "FasterDecoding/medusa-1.0-zephyr-7b-beta"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return tmp_path


def own(home: Path, text: str) -> registry.Registry:
    (home / "models.toml").write_text(text, "utf-8")
    return registry.registry()


def test_names_and_aliases_are_told_apart() -> None:
    names = [name for model in known_models() for name in (model.name, *model.aliases)]
    assert len(names) == len(set(names))
    assert names[0] == "builtin"


def test_names_of_the_readme_lead_to_the_real_ones() -> None:
    for alias, name in (
        ("FasterDecoding/medusa-1.0-vicuna-7b-v1.5", "FasterDecoding/medusa-v1.0-vicuna-7b-v1.5"),
        ("FasterDecoding/medusa-1.0-vicuna-33b-v1.5", "FasterDecoding/medusa-1.0-vicuna-33b-v1.3"),
    ):
        found = registry.find(alias)
        assert found is not None
        assert found.name == name
        assert registry.find(f"{alias}@main") == found


def test_unknown_name() -> None:
    assert registry.find("somebody/else") is None


def test_shipped_model_has_a_folder() -> None:
    assert KnownModel("x/y", "Y").local_folder is None
    assert KnownModel("x", "X", folder="assets").local_folder == paths.shipped("assets")
    for model in known_models():
        assert (model.folder is not None) == (model.name == "builtin")


@pytest.mark.parametrize("model", known_models(), ids=lambda model: str(model.name))
def test_facts_agree(model: KnownModel) -> None:
    assert model.shape is not None
    assert model.heads
    assert model.licence
    assert model.context_tokens
    assert model.tree == "auto" or model.tree in presets()
    assert model.template is None or model.template in FAMILIES
    if model.tree != "auto":  # a path as long as there are heads at most
        assert max(map(len, presets()[model.tree])) <= model.heads
    if model.folder is not None:
        return
    assert is_hub_id(model.name)
    assert (model.base is None) == (model.layout == "merged")
    # Two bytes a weight; the Hub's own number may count a header, or miss biases.
    weights = (model.head_parameters or 0) + (0 if model.base else model.parameters or 0)
    assert model.download_bytes == pytest.approx(2 * weights, rel=1e-4)
    assert (model.base_download_bytes is None) == (model.base is None)
    for commit in (model.revision, model.base_revision):
        assert commit is None or re.fullmatch("[0-9a-f]{40}", commit)
    if model.base is not None:
        assert is_hub_id(model.base)
        assert "@" not in model.base
        assert model.base_download_bytes == 2 * (model.parameters or 0)


@pytest.mark.parametrize(
    ("name", "billions", "heads"),
    [
        (ZEPHYR, 7.241732096, 0.73926656),
        ("FasterDecoding/medusa-vicuna-13b-v1.3", 13.01586432, 0.9502976),
        ("FasterDecoding/medusa-1.0-vicuna-33b-v1.3", 32.528943616, 1.28650496),
        ("text-generation-inference/Mixtral-8x7B-Instruct-v0.1-medusa", 46.702792704, 0.443559936),
        ("text-generation-inference/gemma-7b-it-medusa", 8.53768088, 2.387616768),
    ],
)
def test_parameters_are_those_published(name: str, billions: float, heads: float) -> None:
    known = registry.find(name)
    assert known is not None
    assert (known.parameters or 0) / 1e9 == pytest.approx(billions, rel=1e-6)
    assert (known.head_parameters or 0) / 1e9 == pytest.approx(heads, rel=1e-9)


def test_built_in_model_is_as_its_entry_says() -> None:
    model = registry.find("builtin")
    assert model is not None
    folder = model.local_folder
    assert folder is not None
    stored = (folder / "medusa_lm_head.safetensors").stat().st_size
    assert stored == pytest.approx(2 * (model.head_parameters or 0), rel=0.01)
    stored = (folder.parent / "base/model.safetensors").stat().st_size
    assert stored == pytest.approx(2 * (model.parameters or 0), rel=0.01)


def test_own_entries_are_merged(home: Path) -> None:
    known = own(
        home,
        f"""
        [[model]]
        name = "{ZEPHYR}"
        title = "My Zephyr"
        revision = "abc"
        [[model]]
        name = "me/mine"
        title = "Mine"
        aliases = ["mine"]
        [model.shape]
        hidden = 64
        layers = 2
        attention_heads = 4
        kv_heads = 4
        intermediate = 128
        vocabulary = 512
        """,
    )
    zephyr, mine = known.find(ZEPHYR), known.find("mine")
    assert zephyr is not None
    assert (zephyr.title, zephyr.name, zephyr.revision) == ("My Zephyr", ZEPHYR, "abc")
    assert zephyr.template == "zephyr"
    assert known.models.index(zephyr) == 1
    assert mine is not None
    assert mine == known.models[-1]
    assert mine.shape == ModelShape(64, 2, 4, 4, 128, 512)
    assert known.notices == ()


def test_edited_file_is_read_again(home: Path) -> None:
    assert own(home, '[[model]]\nname = "a/b"\ntitle = "B"').find("a/b") is not None
    (home / "models.toml").write_text("", "utf-8")
    os.utime(home / "models.toml", (1, 1))
    assert registry.find("a/b") is None
    (home / "models.toml").unlink()
    assert registry.find(ZEPHYR) is not None


def test_broken_own_file_stops_nothing(home: Path) -> None:
    known = own(home, "[[model]")
    assert known.models == registry.read(paths.shipped("models.toml"))
    (notice,) = known.notices
    assert str(home / "models.toml") in notice


GOOD = 'name = "a/b"\ntitle = "B"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", r"\[\[model\]\] entries only"),
        ("model = 1", r"\[\[model\]\] entries only"),
        ("model = [1]", "entry 1: not a table"),
        ('[[model]]\ntitle = "B"', "entry 1: field name is missing"),
        ('[[model]]\nname = "a/b"', r"entry 1 \(a/b\): field title is missing"),
        ("[[model]]\nname = 3", "field name is 3: it has to be a text"),
        ('[[model]]\nname = "a b"\ntitle = "B"', "'a b' is no Hub id"),
        (f"[[model]]\n{GOOD}colour = 1", "field colour is not known: name, title"),
        (f"[[model]]\n{GOOD}heads = true", "field heads is True: it has to be a whole number"),
        (f"[[model]]\n{GOOD}heads = -1", "field heads is -1: it has to be a whole number"),
        (f"[[model]]\n{GOOD}gated = 1", "field gated is 1: it has to be true or false"),
        (f'[[model]]\n{GOOD}aliases = "x"', "field aliases is 'x': it has to be a list of texts"),
        (f"[[model]]\n{GOOD}aliases = [1]", "it has to be a list of texts"),
        (f'[[model]]\n{GOOD}layout = "v9"', "it has to be one of v0.1, shared, merged, vllm, own"),
        (f"[[model]]\n{GOOD}shape = 1", "field shape is 1: it has to be a table"),
        (f"[[model]]\n{GOOD}shape = {{ hidden = 1 }}", "field shape: attention_heads is missing"),
        (f'[[model]]\n{GOOD}shape = {{ hidden = "1" }}', "field hidden is '1'"),
        (f"[[model]]\n{GOOD}shape = {{ width = 1 }}", "field shape: field width is not known"),
        (f"[[model]]\n{GOOD}[[model]]\n{GOOD}", r"entry 2 \(a/b\): field name: .* second entry"),
        (f'[[model]]\n{GOOD}aliases = ["{ZEPHYR}"]', "name or alias of both .*zephyr.* and a/b"),
    ],
)
def test_schema(home: Path, text: str, words: str) -> None:
    file = home / "own.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=words) as caught:
        registry.read(file, known_models())
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_missing_file(home: Path) -> None:
    with pytest.raises(UsageError, match="nothing\\.toml cannot be read"):
        registry.read(home / "nothing.toml")
