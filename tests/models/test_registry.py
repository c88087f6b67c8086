from __future__ import annotations

from medusa_chat import paths
from medusa_chat.models import registry
from medusa_chat.models.registry import KnownModel, known_models


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


def test_unknown_name() -> None:
    assert registry.find("somebody/else") is None


def test_shipped_model_has_a_folder() -> None:
    assert KnownModel("x/y", "Y").local_folder is None
    assert KnownModel("x", "X", folder="assets").local_folder == paths.shipped("assets")
    for model in known_models():
        assert (model.folder is not None) == (model.name == "builtin")
