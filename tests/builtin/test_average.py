"""The average of checkpoints."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from medusa_chat.paths import shipped


def test_weights_are_averaged_by_their_shares() -> None:
    average: Any = importlib.import_module("average").average
    one, other = torch.tensor([0.0, 4.0]), torch.tensor([4.0, 8.0])
    mean = average([({"w": one}, 1.0), ({"w": other}, 3.0)])
    assert mean["w"].tolist() == [3.0, 7.0]
    assert average([({"w": one}, 2.0)])["w"].tolist() == one.tolist()


def test_checkpoints_become_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    average: Any = importlib.import_module("average")
    make: Any = importlib.import_module("make")
    tokenizer = AutoTokenizer.from_pretrained(shipped("assets/builtin/base"))
    make.save_tokenizer(tokenizer, tmp_path / "tokenizer")
    (tmp_path / "checkpoints").mkdir()
    states = []
    for step in (1, 2):
        torch.manual_seed(step)
        states.append(make.make_model(tokenizer).state_dict())
        path = tmp_path / "checkpoints" / f"{step:06}.pt"
        torch.save({"step": step, "model": states[-1]}, path)
    monkeypatch.setattr("sys.argv", ["average.py", str(tmp_path), "1", "2=3"])
    average.main()
    weights = load_file(tmp_path / "base" / "model.safetensors")
    name = "model.layers.3.mlp.down_proj.weight"
    expected = 0.25 * states[0][name] + 0.75 * states[1][name]
    assert torch.equal(weights[name], expected.to(torch.bfloat16))
