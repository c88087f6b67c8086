"""Random models that are made where they are measured."""

from __future__ import annotations

import pytest
import torch

from medusa_chat.benchmark import named_shapes
from medusa_chat.benchmark.random_model import HEAD_COUNT, random_base, random_model
from medusa_chat.decoding.decoder import Request
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.lean.forward import LeanForward
from medusa_chat.decoding.lean.fp8 import Fp8Linear
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import ModelError
from medusa_chat.models import quantization
from medusa_chat.settings import DType, ModelSettings, Quantization

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("none", "float32"), ("none", "bfloat16"), ("8bit", "bfloat16"), ("fp8", "auto")],
)
def test_trees_are_decoded(
    kind: Quantization, dtype: DType, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "8bit":
        pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (0, 0))
    settings = ModelSettings("random", quantization=kind, dtype=dtype, device="cpu")
    model = random_model("builtin", settings, 200)
    assert model.notices == ()  # a small tree step gave what plain forwards give
    assert isinstance(model.decoder.forward, LeanForward)
    assert model.decoder.forward.context_tokens == 200
    assert model.heads == HEAD_COUNT
    assert model.head_bytes > 0
    shape = FixedTree.of(Tree.from_paths([[0], [1], [0, 0]]), CPU)
    replies = []
    for tree in (shape, FixedTree.of(Tree.root(), CPU)):
        model.decoder.forget()
        request = Request(tree, Sampling(0.0), Ending(max_new_tokens=12))
        decoding = model.decoder.start([1, 300, 20], request)
        for _ in decoding.run():
            pass
        replies.append(decoding.output.token_ids)
    assert len(replies[0]) == 12
    if dtype == "float32":
        assert replies[0] == replies[1]


def test_each_matrix_is_in_its_precision(a_tiny_shape: None) -> None:
    pytest.importorskip("bitsandbytes")
    base = random_base("tiny", torch.bfloat16, "4bit", CPU)
    kinds = {type(part).__name__ for part in base.modules() if isinstance(part, torch.nn.Linear)}
    assert kinds == {"Linear4bit", "Linear"}
    weight = base.model.layers[0].mlp.down_proj.weight
    assert weight.quant_state.nested
    assert weight.nbytes * 2 == 256 * 512
    assert base.is_quantized


@pytest.fixture
def a_tiny_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = {
        **named_shapes.SHAPES["builtin"],
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 1,
    }
    monkeypatch.setitem(named_shapes.SHAPES, "tiny", tiny)


def test_weights_come_in_float8_where_that_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="Float8 needs an Ada, Hopper or newer GPU"):
        random_base("builtin", torch.bfloat16, "fp8", CPU)
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (0, 0))
    base = random_base("builtin", torch.bfloat16, "fp8", CPU)
    assert isinstance(base.model.layers[0].self_attn.q_proj, Fp8Linear)
    assert type(base.get_output_embeddings()) is torch.nn.Linear


def test_nothing_is_left_unmade(a_tiny_shape: None) -> None:
    base = random_base("tiny", torch.float32, "none", CPU)
    for tensor in (*base.parameters(), *base.buffers()):
        assert tensor.device == CPU
        assert tensor.isfinite().all()
        assert tensor.abs().sum() > 0
