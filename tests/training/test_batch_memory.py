"""What a batch is said to take, against the blocks that are alive at once in a real step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import save_base
from torch.profiler import ProfilerActivity, profile

from medusa_chat.models.shape import shape_of
from medusa_chat.training.batch_memory import BatchMemory
from medusa_chat.training.command import run
from medusa_chat.training.trainer import Trainer
from training.runs import settings, write_lines

TOLERANCE = 0.05
LORA: dict[str, Any] = {"stage": "medusa-2", "lora_rank": 8}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model whose layers, logits and hidden states all count."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return save_base(
        folder,
        "llama",
        vocab_size=1024,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=3,
        num_key_value_heads=2,
        initializer_range=0.02,
    )


def alive_at_once(monkeypatch: pytest.MonkeyPatch, **options: Any) -> int:
    """Return the bytes that one step allots at most, beside what was there before."""
    learn = Trainer._learn
    peaks: list[int] = []

    def watched(self: Trainer, *arguments: Any) -> Any:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
            result = learn(self, *arguments)
        changes = [
            one for one in watch.profiler.kineto_results.events() if one.name() == "[memory]"
        ]
        alive, most = 0, 0
        for change in sorted(changes, key=lambda one: one.start_ns()):
            alive += change.nbytes()
            most = max(most, alive)
        peaks.append(most)
        return result

    monkeypatch.setattr(Trainer, "_learn", watched)
    assert run(settings(**options)) == 0
    (peak,) = peaks
    return peak


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "options",
    [
        {"layers": 2},
        {"stage": "medusa-2"},
        {"stage": "medusa-2", "base_loss": "teacher"},
        LORA,
        LORA | {"lora_dropout": 0.0},
        LORA | {"gradient_checkpointing": True},
    ],
    ids=["medusa-1", "medusa-2", "teacher", "lora", "no-dropout", "checkpointing"],
)
def test_all_that_is_alive_at_once_is_counted(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    options: dict[str, Any],
) -> None:
    if "lora_rank" in options:
        pytest.importorskip("peft")
    data = write_lines(tmp_path / "data.jsonl", [{"text": "def f(self): return self " * 100}] * 8)
    chosen = options | {
        "base_model": str(model),
        "data": (data,),
        "max_length": 256,
        "max_steps": 1,
        "held_out": 0.0,
        "dtype": dtype,
        "device": "cpu",
    }
    alive = alive_at_once(monkeypatch, folder=tmp_path, **chosen)
    shape = shape_of(json.loads((model / "config.json").read_text()))
    assert shape is not None
    asked = settings(tmp_path, **chosen)
    mixed = dtype == "bfloat16"
    half = mixed and (asked.stage == "medusa-1" or asked.lora_rank > 0)
    batch = BatchMemory(shape, asked, "cpu", 2 if half else 4, asked.batch_size * 256, mixed)
    print(f"reckoned {batch.activations / 1e6:.1f} MB, alive {alive / 1e6:.1f} MB")
    assert batch.activations == pytest.approx(alive, rel=TOLERANCE)
