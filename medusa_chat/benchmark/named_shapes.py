"""Shapes of well-known models, by name: a step takes as long with random weights. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LLAMA = {"model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 4096}
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "builtin": {
        **_LLAMA,
        "vocab_size": 4096,
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "tie_word_embeddings": True,
    },
    "llama-60m": {
        **_LLAMA,
        "hidden_size": 512,
        "intermediate_size": 1376,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
    },
    "llama-160m": {
        **_LLAMA,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
    },
    "llama-1b": {
        **_LLAMA,
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "tie_word_embeddings": True,
    },
    "zephyr-7b": {
        **_LLAMA,
        "model_type": "mistral",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        # The published one names a window of 4096, which is where its context ends here too.
        "sliding_window": None,
    },
    "vicuna-7b": {
        **_LLAMA,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
    "llama-13b": {
        **_LLAMA,
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_hidden_layers": 40,
        "num_attention_heads": 40,
    },
}


def config_of(shape: str) -> Any:
    """Return what transformers makes a model of ``shape`` from."""
    import transformers

    fields = dict(SHAPES[shape])
    return transformers.AutoConfig.for_model(
        fields.pop("model_type"),
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=fields.pop("tie_word_embeddings", False),
        **fields,
    )
