"""What is advised about a damaged file, and that it helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import Hub

from medusa_chat.errors import ModelError
from medusa_chat.models import layout
from medusa_chat.models.base_model import load_tokenizer
from medusa_chat.models.hub.cache import cached_folder
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.remedy import bring_anew
from models.hub.conftest import hub as hub
from models.hub.repositories import publish, pull


def test_a_folder_of_ones_own(hub: Hub, tmp_path: Path) -> None:
    assert bring_anew(tmp_path) == "download it again"
    assert bring_anew(tmp_path / "file", sentence=True) == "Download it again"


def test_a_model_of_the_hub_is_named_with_the_commands(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    pull(name)
    folder = cached_folder(Reference(name))
    assert folder is not None
    words = f"`medusa-chat models verify {name} --discard`, then `medusa-chat models pull {name}`"
    assert bring_anew(folder) == f"run {words}"
    assert bring_anew(folder / "model.safetensors", sentence=True) == f"Run {words}"
    with pytest.raises(ModelError) as caught:
        layout.safetensors_names(folder / "model.safetensors")
    assert words in str(caught.value)
    with pytest.raises(ModelError) as caught:
        load_tokenizer(folder)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_other_revisions_are_named_by_their_commit(hub: Hub, tmp_path: Path) -> None:
    name = publish(hub, tmp_path)
    hub.revisions[name, "v2"] = hub.folders[name]
    hub.commits["v2"] = "e" * 40
    pull(f"{name}@v2")
    folder = cached_folder(Reference(name, "v2"))
    assert folder is not None
    assert f"pull {name}@{'e' * 40}`" in bring_anew(folder)
