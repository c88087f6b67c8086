"""Models that bitsandbytes has quantised: their layers are taken as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import save_base

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
