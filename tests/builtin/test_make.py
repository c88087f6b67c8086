"""The training of the built-in model's base, small."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from builtin.small_corpus import shrink, write_sources

STEPS, KEPT = 5, 2


class StoppedError(Exception):
    """What ends a run in its midst."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the script with a corpus and a model that are small."""
    make: Any = importlib.import_module("make")
    shrink(make.corpora)
    config = make.LlamaConfig
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    monkeypatch.setattr(make, "LlamaConfig", lambda **sizes: config(**{**sizes, **small}))
    monkeypatch.setattr(make, "VOCABULARY", 600)
    monkeypatch.setattr(make, "HELD_OUT_BATCHES", 1)
    return make


def run(make: Any, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Train to the end, a checkpoint at every step; return the last one."""
    output = folder / name
    options = {"data": folder, "output": output, "steps": STEPS, "decay-steps": 4, "warmup": 2}
    options |= {"batch-tokens": 1024, "threads": 1, "save-minutes": 1e-9}
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    monkeypatch.setattr("sys.argv", ["make.py", "--no-compile", *words])
    make.main()
    state: dict[str, Any] = torch.load(output / f"checkpoints/{STEPS:06}.pt", weights_only=True)
    return state


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sources(tmp_path, [f"Do you like the number {number}?" for number in range(60)])
    whole = run(make, tmp_path, "whole", monkeypatch)
    export, exported = make.export, list[Any]()

    def stop(*arguments: Any) -> None:
        if len(exported) == KEPT - 1:
            raise StoppedError
        exported.append(export(*arguments))

    monkeypatch.setattr(make, "export", stop)
    with pytest.raises(StoppedError):
        run(make, tmp_path, "stopped", monkeypatch)
    assert len(list((tmp_path / "stopped/checkpoints").iterdir())) == KEPT
    monkeypatch.setattr(make, "export", export)
    capsys.readouterr()
    gone_on = run(make, tmp_path, "stopped", monkeypatch)
    assert f"resumed at step {KEPT}\n" in capsys.readouterr().out
    expected, found = (
        load_file(tmp_path / name / "base/model.safetensors") for name in ("whole", "stopped")
    )
    for weights, others in ((whole["model"], gone_on["model"]), (expected, found)):
        assert weights.keys() == others.keys()
        assert all(weight.equal(others[name]) for name, weight in weights.items())
