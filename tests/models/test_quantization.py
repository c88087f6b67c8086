"""What bitsandbytes makes of a model, and how that is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden_data import TINY_LLAMA
from tiny_models import random_heads, save_base, save_heads

from medusa_chat.models.base_model import load_base
from medusa_chat.models.device import Placement
from medusa_chat.models.quantization import unfit_width, without_outliers
from medusa_chat.settings import Quantization

from .loading import loaded, reply

pytest.importorskip("bitsandbytes")

CPU = Placement(torch.device("cpu"))
WIDE = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 4}


def layers(model: Any, kind: str) -> list[Any]:
    return [layer for layer in model.modules() if type(layer).__name__ == kind]


def test_four_bits_are_nf4_with_double_quantisation(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base", "llama", hidden_size=128, intermediate_size=256)
    model = load_base(folder, torch.bfloat16, CPU, "4bit")
    linears = layers(model, "Linear4bit")
    assert len(linears) == 2 * 7
    for linear in linears:
        assert linear.weight.quant_state.quant_type == "nf4"
        assert linear.weight.quant_state.nested
        assert linear.compute_dtype == torch.bfloat16
    assert model.get_output_embeddings().weight.dtype == torch.bfloat16
    assert unfit_width(model) is None
    assert unfit_width(load_base(TINY_LLAMA, torch.float32, CPU, "4bit")) == 96


@torch.inference_mode()
def test_four_bits_on_a_cpu_take_keys_that_are_32_wide(tmp_path: Path) -> None:
    folder = save_base(
        tmp_path / "base",
        "llama",
        hidden_size=128,
        intermediate_size=256,
        num_attention_heads=4,
        num_key_value_heads=1,
    )
    ids = torch.arange(1, 9)[None]
    exact = load_base(folder, torch.float32, CPU, "none")(input_ids=ids).logits
    model = load_base(folder, torch.float32, CPU, "4bit")
    assert unfit_width(model) is None
    error = (model(input_ids=ids).logits - exact).norm() / exact.norm()
    assert error < 0.5


@torch.inference_mode()
def test_rows_disturb_each_other_only_by_outliers(tmp_path: Path) -> None:
    model = load_base(save_base(tmp_path / "wide", "llama", **WIDE), torch.float32, CPU, "8bit")
    ids = torch.arange(1, 8)[None]

    def error() -> float:
        alone = model(ids[:, :1]).logits[0, 0]
        beside = model(ids).logits[0, 0]
        return float((alone - beside).norm() / alone.norm())

    assert {layer.state.threshold for layer in layers(model, "Linear8bitLt")} == {0.0}
    assert not any(layer.state.use_pool for layer in layers(model, "Linear8bitLt"))
    assert error() < 1e-5
    for layer in layers(model, "Linear8bitLt"):  # as a model has it that was saved in 8 bits
        layer.state.threshold = 6.0
    assert error() > 0.01
    with without_outliers(model):
        assert error() < 1e-5
    assert {layer.state.threshold for layer in layers(model, "Linear8bitLt")} == {6.0}


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_wide_models_pass_the_check_of_trees(quantization: Quantization, tmp_path: Path) -> None:
    save_base(tmp_path / "base", "llama", **WIDE)
    heads = save_heads(tmp_path / "heads", random_heads(512), base_model_name_or_path="../base")
    model = loaded(heads, quantization=quantization)
    assert model.plain_reason is None
    assert len(reply(model, [[0], [1], [0, 0]])) == 16


def test_wrong_trees_are_still_seen(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "mpt", n_heads=4, n_layers=2, d_model=64)
    model = loaded(base, quantization="8bit")
    assert model.plain_reason is not None
    assert "other logits" in model.plain_reason


def test_files_are_let_go(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "wide", "llama", **WIDE)
    mapped = Path("/proc/self/maps")
    if not mapped.exists():
        pytest.skip("the system does not tell which files are mapped")
    whole = load_base(folder, torch.float32, CPU)
    assert str(folder) in mapped.read_text()
    del whole
    quantised = load_base(folder, torch.float32, CPU, "4bit")
    assert str(folder) not in mapped.read_text()
    assert quantised.get_input_embeddings().weight.dtype == torch.float32


def test_in_eight_bits_a_tree_says_what_plain_decoding_says() -> None:
    """In 32 bits besides: rows that are rounded each by itself don't disturb each other."""
    model = loaded("builtin", quantization="8bit", dtype="float32")
    assert model.plain_reason is None
    assert reply(model, [[0], [1], [0, 0], [0, 1], [0, 0, 0]]) == reply(model, [])
