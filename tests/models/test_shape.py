"""Parameters counted from a shape are those of transformers' own models."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from medusa_chat.models.shape import HeadShape, ModelShape, context_of, shape_of

TINY = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": None,
}
PLAIN = {name: value for name, value in TINY.items() if name != "num_key_value_heads"}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": TINY,
    "mistral": TINY | {"head_dim": 32},
    "qwen2": TINY,
    "qwen3": TINY | {"head_dim": 16, "tie_word_embeddings": True},
    "gemma": TINY | {"head_dim": 32},
    "phi3": TINY,
    "mixtral": TINY | {"num_local_experts": 4},
    "starcoder2": TINY,
    "gpt_neox": PLAIN,
    "opt": {
        **{name: value for name, value in PLAIN.items() if name != "intermediate_size"},
        "ffn_dim": 96,
        "word_embed_proj_dim": 64,
    },
    "phi": PLAIN,
    "gpt2": {
        "vocab_size": 512,
        "n_embd": 64,
        "n_layer": 3,
        "n_head": 4,
        "n_positions": 128,
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_those_of_transformers(family: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **FAMILIES[family])
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    # What transformers writes leaves out the family's defaults; what people wrote has them all.
    for written in (config.to_diff_dict(), config.to_dict()):
        shape = shape_of(written)
        assert shape is not None
        # Norms of queries and keys, and some biases, are left out.
        assert shape.parameters == pytest.approx(model.num_parameters(), rel=0.01)
        linear = sum(
            module.weight.numel()
            for name, module in model.named_modules()
            if type(module).__name__ in ("Linear", "Conv1D")
            and name not in ("lm_head", "embed_out")
        )
        assert shape.linear_parameters == linear


def test_exact_for_llama() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    for tied in (True, False):
        config = AutoConfig.for_model("llama", **TINY, tie_word_embeddings=tied)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        shape = shape_of(config.to_dict())
        assert shape is not None
        assert shape.parameters == model.num_parameters()
        assert (shape.key_width, shape.tied) == (32, tied)


def test_heads() -> None:
    from medusa_chat.models.heads import MedusaHeads

    shape = ModelShape(64, 2, 4, 4, 128, 512)
    for own_output in (True, False):
        heads = MedusaHeads(3, 2, 64, 512 if own_output else None)
        counted = HeadShape(3, 2, own_output).parameters(shape)
        assert counted == sum(parameter.numel() for parameter in heads.parameters())


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "mamba", **TINY},
        {"model_type": "llama"},
        {"model_type": "llama", **TINY, "hidden_size": "64"},
        {"model_type": "llama", **TINY, "num_hidden_layers": True},
        {"model_type": ["llama"], **TINY},
    ],
)
def test_shapes_that_are_not_known(config: dict[str, Any]) -> None:
    assert shape_of(config) is None


def test_text_part_of_a_larger_model() -> None:
    shape = shape_of({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", **TINY}})
    assert shape is not None
    assert (shape.hidden, shape.tied) == (64, True)


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"max_position_embeddings": 2048}, 2048),
        ({"n_positions": 1024}, 1024),
        ({"max_position_embeddings": 32768, "sliding_window": 4096}, 4096),
        ({"max_position_embeddings": 32768, "sliding_window": None}, 32768),
        (
            {"max_position_embeddings": 9, "sliding_window": 4, "use_sliding_window": False},
            9,
        ),
        (
            {"max_position_embeddings": 9, "sliding_window": 4, "layer_types": ["full_attention"]},
            9,
        ),
        ({"text_config": {"max_position_embeddings": 64}}, 64),
        ({}, None),
    ],
)
def test_context(config: dict[str, Any], context: int | None) -> None:
    assert context_of(config) == context
