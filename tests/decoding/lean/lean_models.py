"""Lean forwards of the tiny random models, and what they are compared with."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch

from medusa_chat.decoding.lean.forward import LeanForward, lean_forward_for
from medusa_chat.settings import MAX_TREE_SIZE

from ..random_models import random_model

FAMILY = ("llama", "mistral", "qwen2", "qwen3")
CONTEXT = 900


def lean(model: Any, context_tokens: int = CONTEXT, *, spare: bool = False) -> LeanForward:
    """Return the lean forward of ``model``, whose weights it takes over."""
    forward = lean_forward_for(model, context_tokens, MAX_TREE_SIZE, spare=spare)
    assert isinstance(forward, LeanForward), forward
    return forward


@cache
def lean_forward(architecture: str) -> LeanForward:
    """Return a lean forward that tests share; the model it is of stays as it was."""
    return lean(copy.deepcopy(random_model(architecture)))


def built(architecture: str, **options: Any) -> Any:
    """Return a small random model that differs from ``random_model`` by ``options``."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        architecture,
        **{
            "vocab_size": 96,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "initializer_range": 0.3,
            **options,
        },
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        for parameter in model.parameters():  # biases and norms that are not all alike
            if parameter.dim() == 1:
                parameter.data += torch.randn_like(parameter) * 0.2
    return model
