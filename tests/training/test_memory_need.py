"""The memory of a training: what is counted, against models' own tensors, and what would do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import TINY_LLAMA, tiny_llama
from loopback_hub import Hub

from medusa_chat.errors import ModelError
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.shape import ModelShape, shape_of
from medusa_chat.training import session
from medusa_chat.training.command import run
from medusa_chat.training.memory_need import MemoryNeed, memory_need, remedies
from medusa_chat.training.settings import TrainSettings
from medusa_chat.training.trained_base import AdapterShape, TrainedBase
from training.runs import settings

ZEPHYR = ModelShape(4096, 32, 32, 8, 14336, 32000)
VICUNA = ModelShape(4096, 32, 32, 32, 11008, 32000)
LLAMA_3 = ModelShape(4096, 32, 32, 8, 14336, 128256)


def chosen(**options: Any) -> TrainSettings:
    return TrainSettings("b", (Path("d"),), Path("o"), **options)


def need(shape: ModelShape, tokens: int = 4096, **options: Any) -> MemoryNeed:
    return memory_need(
        shape, chosen(**options), kind="cuda", dtype_bytes=2, tokens=tokens, mixed=True
    )


def tiny_shape() -> ModelShape:
    shape = shape_of(json.loads((TINY_LLAMA / "config.json").read_text()))
    assert shape is not None
    return shape


def test_what_learns_is_counted_with_its_optimizer() -> None:
    shape = tiny_shape()
    heads = sum(one.numel() for one in MedusaHeads(4, 2, 96, 512).parameters())
    assert need(shape, layers=2).heads_bytes == 16 * heads
    model = tiny_llama()
    whole = sum(one.numel() for one in model.parameters())
    assert need(shape).base_bytes == 2 * whole
    assert need(shape, stage="medusa-2").base_bytes == 16 * whole
    taught = need(shape, stage="medusa-2", base_loss="teacher")
    assert taught.base_bytes == (16 + 4) * whole


def test_adapters_are_counted(tmp_path: Path) -> None:
    from medusa_chat.models.base_model import load_base
    from medusa_chat.models.device import Placement

    model = load_base(TINY_LLAMA, torch.float32, Placement(torch.device("cpu")))
    base = TrainedBase(model, AdapterShape(4, 8.0, 0.0, output=True))
    own = sum(one.numel() for one in base.parameters().values())
    found = need(tiny_shape(), stage="medusa-2", lora_rank=4, lora_output=True)
    assert found.adapters_bytes == 16 * own
    assert "adapters" in found.words


def test_heads_for_seven_billion_train_in_24_gigabytes() -> None:
    for quantization in ("8bit", "4bit"):
        found = need(ZEPHYR, tokens=2048, heads=4, quantization=quantization)
        assert found.total < 24e9
    assert need(ZEPHYR, tokens=2048, heads=4).total > 24e9
    assert need(ZEPHYR, stage="medusa-2").total > 115e9


def test_what_the_readme_says_of_seven_and_eight_billion_is_so() -> None:
    four_bits: dict[str, Any] = {"quantization": "4bit"}
    for found, gigabytes in (
        (need(ZEPHYR, tokens=8 * 1024, **four_bits), 18.6),
        (need(VICUNA, tokens=2 * 2048, heads=5, **four_bits), 19.8),
        (need(LLAMA_3, tokens=8 * 1024, **four_bits), 50.6),
        (need(LLAMA_3, tokens=8 * 1024, layout="shared", **four_bits), 13.8),
        (need(LLAMA_3, tokens=2048, layout="shared", **four_bits), 12.0),
    ):
        assert found.total / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_a_large_vocabulary_is_told_what_it_fits_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = shutil.copytree(TINY_LLAMA, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    large = {"vocab_size": LLAMA_3.vocabulary, "hidden_size": LLAMA_3.hidden}
    (base / "config.json").write_text(json.dumps(config | large))
    card = DeviceMemory("cpu", "CPU", 24_000_000_000, 24_000_000_000)
    monkeypatch.setattr(session, "device_memory", lambda _device: card)
    with pytest.raises(ModelError, match=r"takes about 4\d.\d GB, .* with .*--layout shared"):
        run(settings(tmp_path, base_model=str(base)))


def test_what_takes_less_is_less_and_is_named() -> None:
    joint: dict[str, Any] = {"stage": "medusa-2", "lora_rank": 32}
    assert need(ZEPHYR, **joint, gradient_checkpointing=True).total < need(ZEPHYR, **joint).total
    assert need(ZEPHYR, layout="shared").total < need(ZEPHYR).total
    assert need(ZEPHYR, tokens=1024).total < need(ZEPHYR, tokens=2048).total
    assert remedies(chosen(stage="medusa-2")).startswith("--lora-rank 32, --gradient-checkpointing")
    least = chosen(quantization="4bit", layout="shared", batch_size=1)
    assert remedies(least) == "a smaller --max-length"


def test_it_is_told_beforehand_and_refused_where_it_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given_back: list[bool] = []

    def give_back() -> bool:
        given_back.append(True)
        return True

    monkeypatch.setattr(session, "return_at_once", give_back)
    small = DeviceMemory("cpu", "CPU", 300_000_000, 200_000_000)
    monkeypatch.setattr(session, "device_memory", lambda _device: small)
    with pytest.raises(ModelError, match=r"takes about 4\d\d MB, and CPU has 300 MB: less would"):
        run(settings(tmp_path))
    assert not (tmp_path / "heads").exists()
    told = capsys.readouterr().err
    assert "Memory: about" in told
    assert "up to" not in told  # what is given back leaves no gaps
    tight = DeviceMemory("cpu", "CPU", 2_000_000_000, 200_000_000)
    monkeypatch.setattr(session, "device_memory", lambda _device: tight)
    assert run(settings(tmp_path, max_steps=1)) == 0
    assert "It may not fit" in capsys.readouterr().err
    assert given_back == [True, True]


def test_it_is_refused_before_the_base_is_fetched(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.folders["somebody/base"] = TINY_LLAMA
    chosen = settings(tmp_path, base_model="somebody/base", max_steps=1)
    with monkeypatch.context() as patch:
        small = DeviceMemory("cpu", "CPU", 300_000_000, 200_000_000)
        patch.setattr(session, "device_memory", lambda _device: small)
        with pytest.raises(ModelError, match="and CPU has 300 MB: less would"):
            run(chosen)
    assert not [one for one in hub.requests if one.endswith(".safetensors")]
    assert run(chosen) == 0
    assert [one for one in hub.requests if one.endswith(".safetensors")]


def test_freed_memory_is_kept_where_there_is_plenty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given_back: list[bool] = []
    monkeypatch.setattr(session, "return_at_once", lambda: given_back.append(True))
    plenty = DeviceMemory("cpu", "CPU", 16_000_000_000, 8_000_000_000)
    monkeypatch.setattr(session, "device_memory", lambda _device: plenty)
    assert run(settings(tmp_path, max_steps=1)) == 0
    assert not given_back
    told = " ".join(capsys.readouterr().err.split())
    assert re.search(
        r"about \d+ MB, up to \d+ MB where the system does not take freed memory", told
    )


def test_a_system_that_takes_nothing_back_is_told_of_even_where_memory_is_scarce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "return_at_once", lambda: False)
    tight = DeviceMemory("cpu", "CPU", 2_000_000_000, 500_000_000)
    monkeypatch.setattr(session, "device_memory", lambda _device: tight)
    assert run(settings(tmp_path, max_steps=1)) == 0
    assert "does not take freed memory back" in " ".join(capsys.readouterr().err.split())
