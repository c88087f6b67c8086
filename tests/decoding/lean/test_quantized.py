"""Models that bitsandbytes has quantised: their layers are taken as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import save_base
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

from medusa_chat.decoding.lean import weights
from medusa_chat.decoding.lean.bits import Joined8bit, joined_bits
from medusa_chat.decoding.lean.graph import StepInputs
from medusa_chat.decoding.lean.linear import ModuleProduct
from medusa_chat.decoding.step import StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_check import defect
from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.models.quantization import without_outliers
from medusa_chat.settings import MAX_TREE_SIZE, Quantization

from .lean_models import lean

pytest.importorskip("bitsandbytes")

WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_key_value_heads": 2}

TREE = Tree.from_paths([[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 0]])


def dequantized(layer: Any) -> torch.Tensor:
    from bitsandbytes.functional import dequantize_4bit

    weight: torch.Tensor = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@torch.inference_mode()
def test_four_bits_are_joined_as_they_lie(architecture: str, tmp_path: Path) -> None:
    """Not after a first run: on a CPU that gives them another layout."""
    folder = save_base(tmp_path / "base", architecture, **WIDE)
    model = load_base(folder, torch.float32, Placement(torch.device("cpu")), "4bit")
    attention = model.model.layers[0].self_attn
    parts: list[Any] = [attention.q_proj, attention.k_proj, attention.v_proj]
    before = [dequantized(part) for part in parts]
    stored = sum(part.weight.numel() for part in parts)
    product = joined_bits(parts)
    assert isinstance(product, ModuleProduct)
    joined: Any = product._modules[0]
    assert joined not in parts
    assert joined.weight.numel() == stored
    assert torch.equal(dequantized(joined), torch.cat(before))
    for part, weight in zip(parts, before, strict=True):
        assert torch.equal(dequantized(part), weight)
        assert part.weight.untyped_storage().data_ptr() == (
            joined.weight.untyped_storage().data_ptr()
        )
    x = torch.randn(5, 256)
    expected = torch.cat([torch.nn.functional.linear(x, weight) for weight in before], -1)
    if architecture == "qwen2":
        expected += torch.cat([part.bias for part in parts])
    for got in (product(x), torch.cat([part(x) for part in parts], -1)):
        assert (got - expected).norm() < 0.01 * expected.norm()


@torch.inference_mode()
def test_eight_bits_are_joined(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "qwen2", **WIDE)
    model = load_base(folder, torch.float32, Placement(torch.device("cpu")), "8bit")
    attention = model.model.layers[0].self_attn
    parts: list[Any] = [attention.q_proj, attention.k_proj, attention.v_proj]
    x = torch.randn(5, 256)
    x[:, 3] *= 30  # an outlier
    for part in parts:
        part.state.threshold = 6.0
    expected = torch.cat([part(x) for part in parts], -1)
    product = joined_bits(parts)
    assert isinstance(product, Joined8bit)
    torch.testing.assert_close(product(x), expected)
    torch.testing.assert_close(torch.cat([part(x) for part in parts], -1), expected)
    with without_outliers(model):
        assert not torch.allclose(product(x), expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(product(x), torch.cat([part(x) for part in parts], -1))


def test_what_cannot_be_joined_stays_apart(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "llama", **WIDE)
    model = load_base(folder, torch.float32, Placement(torch.device("cpu")), "4bit")
    mlp = model.model.layers[0].mlp
    mlp.gate_proj.compute_dtype = torch.bfloat16
    parts = [mlp.gate_proj, mlp.up_proj]
    product = joined_bits(parts)
    assert isinstance(product, ModuleProduct)
    assert list(product._modules) == parts


@pytest.mark.parametrize("spare", [False, True], ids=["kept", "spare"])
@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_is_the_stock_forward(
    quantization: Quantization, architecture: str, spare: bool, tmp_path: Path
) -> None:
    folder = save_base(tmp_path / "base", architecture, head_dim=64, **WIDE)
    model = load_base(folder, torch.float32, Placement(torch.device("cpu")), quantization)
    with without_outliers(model):
        forward = lean(model, 250, spare=spare)
        stock = StockForward(model, 250, MAX_TREE_SIZE)
        for one in (forward, stock):
            one.extend(torch.arange(40))
        for nodes in ([0, 2, 4], [0]):
            logits = [one.step(torch.arange(7) * 9, TREE).logits for one in (forward, stock)]
            assert (logits[0] - logits[1]).norm() < 0.01 * logits[1].norm()
            for one in (forward, stock):
                one.compact(nodes)
        assert defect(model, forward) is None


@pytest.mark.parametrize("quantization", ["8bit", "4bit", "fp8"])
def test_nothing_is_read_back_by_the_host(
    quantization: Quantization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a step can be a CUDA graph. Tensors without values stand for a device's."""
    folder = save_base(tmp_path / "base", "llama", head_dim=64, **WIDE)
    model = load_base(folder, torch.bfloat16, Placement(torch.device("cpu")), quantization)
    monkeypatch.setattr(weights, "packs", lambda _dtype: False)
    forward = lean(model, 250)
    forward.extend(torch.arange(20))
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        inputs = StepInputs.of(7, torch.device("cpu"))
        assert forward.run_windowed(inputs, 256).logits.shape == (7, forward.vocabulary)
        for layer in model.modules():
            if type(layer).__name__ == "Linear8bitLt":  # as a model has it that was saved so
                layer.state.threshold = 6.0
        if quantization == "8bit":
            with pytest.raises(DynamicOutputShapeException, match="int8_vectorwise_quant"):
                forward.run_windowed(inputs, 256)
