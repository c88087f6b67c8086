"""Models loaded in float8, where a device has it; what is said where it has not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import random_heads, save_base, save_heads

from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.lean.fp8 import Fp8Linear
from medusa_chat.models import quantization
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.models.quantization import check_fp8

from .loading import loaded, refusal, reply

WIDE = {"hidden_size": 128, "intermediate_size": 256, "num_key_value_heads": 2}
CPU = torch.device("cpu")


@pytest.fixture
def with_fp8(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the CPU for a device that is made for float8: its product is there and right."""
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (0, 0))


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    save_base(tmp_path / "base", "llama", **WIDE)
    return save_heads(tmp_path / "heads", random_heads(128), base_model_name_or_path="../base")


def test_trees_are_decoded(heads: Path, with_fp8: None, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    model = loaded(heads, quantization="fp8", dtype="bfloat16")
    assert model.plain_reason is None
    assert model.stock_reason is None
    assert isinstance(model.decoder.forward, LeanForward)
    assert model.settings.quantization == "fp8"
    assert len(reply(model, [[0], [1], [0, 0]])) == 16
    assert capfd.readouterr().err == ""


def test_weights_take_a_byte(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "qwen2", **WIDE)
    model = load_base(folder, torch.bfloat16, Placement(CPU), "fp8")
    linears = [part for part in model.modules() if isinstance(part, Fp8Linear)]
    assert len(linears) == 2 * 7
    for linear in linears:
        assert linear.weight.nbytes == linear.in_features * linear.out_features
        assert linear.scale.dtype == torch.float32
    assert linears[0].bias.dtype == torch.bfloat16
    plain = load_base(folder, torch.bfloat16, Placement(CPU))
    weight = plain.model.layers[0].self_attn.q_proj.weight.float()
    columns = linears[0](torch.eye(weight.shape[1]).bfloat16()).float() - linears[0].bias.float()
    assert (columns.T - weight).norm() < 0.05 * weight.norm()
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        expected, got = (one(input_ids=ids).logits.float() for one in (plain, model))
    assert (got - expected).norm() < 0.5 * expected.norm()  # noise is all that a random model says


def test_a_device_without_it(heads: Path) -> None:
    message = refusal(heads, quantization="fp8")
    assert "--load-in-fp8 needs an Ada, Hopper or newer GPU" in message
    assert "cpu is a CPU: use --load-in-8bit" in message


def test_an_older_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (8, 6))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "An Old One")
    with pytest.raises(Exception, match=r"cuda:1 is An Old One of 8\.6: use --load-in-8bit"):
        check_fp8(tmp_path, torch.device("cuda", 1))


def test_another_family(tmp_path: Path, with_fp8: None) -> None:
    message = refusal(save_base(tmp_path / "other", "gpt_neox"), quantization="fp8")
    assert "other is of the kind gpt_neox: use --load-in-8bit" in message


def test_a_product_that_fails_leaves_bfloat16(
    heads: Path, with_fp8: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "row_unit", lambda _device: "it is 30% off")
    model = loaded(heads, quantization="fp8")
    assert "Loaded in bfloat16, not in float8: it is 30% off." in model.notices
    assert model.settings.quantization == "none"
    assert model.dtype == "bfloat16"
    assert not any(isinstance(part, Fp8Linear) for part in model.base.modules())
