"""What joining does to the model that the weights come from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from medusa_chat.decoding.lean import weights
from medusa_chat.decoding.lean.weights import Part, unpack, unpacked

from ..random_models import random_model
from .lean_models import built, lean

IDS = torch.tensor([[5, 9, 33, 2, 60]])


def storages(model: Any) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}


@pytest.mark.parametrize("spare", [False, True], ids=["kept", "spare"])
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_the_model_computes_what_it_did(architecture: str, spare: bool) -> None:
    model = built(architecture)
    expected = copy.deepcopy(model)(IDS).logits
    lean(model, spare=spare)
    torch.testing.assert_close(model(IDS).logits, expected, rtol=1e-4, atol=1e-4)


def test_joined_weights_are_shared_not_doubled() -> None:
    model = copy.deepcopy(random_model("qwen2"))
    before = sum(parameter.numel() for parameter in model.parameters())
    lean(model)
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        joined = {
            linear.weight.untyped_storage().data_ptr()
            for linear in (attention.q_proj, attention.k_proj, attention.v_proj)
        }
        assert len(joined) == 1
        assert attention.q_proj.bias.untyped_storage().data_ptr() == (
            attention.v_proj.bias.untyped_storage().data_ptr()
        )
        assert mlp.gate_proj.weight.untyped_storage().data_ptr() == (
            mlp.up_proj.weight.untyped_storage().data_ptr()
        )
    assert sum(parameter.numel() for parameter in model.parameters()) == before


def test_sparing_leaves_no_weights_unpacked() -> None:
    model = copy.deepcopy(random_model("llama"))
    lean(model, spare=True)
    linears = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert len(linears) == 15
    assert all(type(linear) is Part and linear.weight.numel() == 0 for linear in linears)
    assert model.get_output_embeddings().out_features == 64


def test_spared_weights_come_back_for_a_while() -> None:
    model = built("qwen2")
    expected = copy.deepcopy(model)
    lean(model, spare=True)
    with unpacked(model):
        assert {type(module) for module in model.modules()} == {
            type(module) for module in expected.modules()
        }
        for name, weight in expected.named_parameters():
            assert torch.equal(model.get_parameter(name), weight)
    assert type(model.lm_head) is Part
    assert model.lm_head.weight.numel() == 0
    torch.testing.assert_close(model(IDS).logits, expected(IDS).logits, rtol=1e-4, atol=1e-4)
    unpack(model)
    assert torch.equal(model(IDS).logits, expected(IDS).logits)


def test_a_matrix_tied_to_the_embeddings_stays() -> None:
    model = built("llama", tie_word_embeddings=True)
    lean(model, spare=True)
    output = model.get_output_embeddings()
    assert output.weight is model.get_input_embeddings().weight
    assert output.weight.shape == (96, 64)


def test_without_packing_the_products_read_the_models_own_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a GPU: what training changes, the lean forward sees."""
    monkeypatch.setattr(weights, "packs", lambda _dtype: False)
    model = built("llama")
    forward = lean(model)
    before = forward.extend(IDS[0]).logits
    model(IDS).logits.sum().backward()
    with torch.no_grad():
        for parameter in model.model.layers[0].parameters():
            if parameter.dim() == 2:
                parameter += parameter.grad * 1e-3
    forward.truncate(0)
    after = forward.extend(IDS[0]).logits
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after[0], model(IDS).logits[0, -1], rtol=1e-4, atol=1e-3)
