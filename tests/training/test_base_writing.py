"""Writing a base that has learnt, where the disk does not take it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from golden_data import TINY_LLAMA
from safetensors import SafetensorError

from medusa_chat.errors import ModelError
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.training.base_writing import write_base


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (SafetensorError("I/O error: No space left\nand more"), "No space left"),
    ],
)
def test_a_full_disk_is_told_and_half_a_base_is_taken_away(
    error: Exception, words: str, tmp_path: Path
) -> None:
    def save(folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise error

    model = SimpleNamespace(to=lambda _dtype: SimpleNamespace(save_pretrained=save))
    trained: Any = SimpleNamespace(model=model)
    with pytest.raises(ModelError) as raised:
        write_base(trained, None, TINY_LLAMA, tmp_path / "base", torch.float32)
    assert f"({words})" in str(raised.value)
    assert "same command again" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_who_may_read_the_config_may_read_the_weights(tmp_path: Path) -> None:
    model = load_base(TINY_LLAMA, torch.float32, Placement(torch.device("cpu")))
    trained: Any = SimpleNamespace(model=model)
    write_base(trained, None, TINY_LLAMA, tmp_path / "base", torch.float32)
    modes = {file.name: file.stat().st_mode for file in (tmp_path / "base").iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]
