"""Models of known shapes with random weights: a step takes as long as with trained ones.

They have Medusa heads as these begin to be trained, which guess badly, and in the usual time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medusa_chat import paths
from medusa_chat.errors import ModelError
from medusa_chat.models.device import resolve_device
from medusa_chat.settings import ModelSettings

_LLAMA = {"model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 4096}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "builtin": {
        **_LLAMA,
        "vocab_size": 4096,
        "hidden_size": 256,
        "intermediate_size": 688,
        "num_hidden_layers": 5,
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
_BASE, _HEADS = "base", "medusa"
HEAD_COUNT = 4
"""Heads that such models have."""
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def shape_names() -> tuple[str, ...]:
    """Return the names of the shapes that there are."""
    return tuple(_SHAPES)


def config_of(shape: str) -> Any:
    """Return what transformers makes a model of ``shape`` from."""
    import transformers

    fields = dict(_SHAPES[shape])
    return transformers.AutoConfig.for_model(
        fields.pop("model_type"),
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=fields.pop("tie_word_embeddings", False),
        **fields,
    )


@contextmanager
def random_model(shape: str, settings: ModelSettings) -> Iterator[ModelSettings]:
    """Lend a model of ``shape`` in a folder that is removed afterwards, to be loaded as any other.

    It has four heads with output matrices of their own, as the published ones do.

    It speaks with the built-in model's tokenizer. Raises ModelError when it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="medusa-chat-bench-") as name:
        folder = Path(name) / shape
        try:
            _save(shape, folder, resolve_device(settings.device))
        except OSError as error:
            raise ModelError(
                f"The random model {shape} cannot be written to {folder} "
                f"({error.strerror or error}): make room there, or name another folder by TMPDIR."
            ) from error
        yield replace(settings, model=str(folder / _HEADS), base_model=None)


def _save(shape: str, folder: Path, device: torch.device) -> None:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    config = config_of(shape)
    with torch.random.fork_rng(), device:
        torch.manual_seed(0)
        # 16 bits are half the file, whatever it is loaded in.
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    base, heads = folder / _BASE, folder / _HEADS
    base.mkdir(parents=True)
    model.save_pretrained(base)
    for name in _TOKENIZER:
        shutil.copy(paths.shipped("assets/builtin/base") / name, base)
    heads.mkdir()
    config_of_heads = {"base_model_name_or_path": f"../{_BASE}"}
    (heads / "config.json").write_text(json.dumps(config_of_heads), "utf-8")
    _save_heads(model.get_output_embeddings().weight.detach(), heads)


def _save_heads(output: Tensor, folder: Path) -> None:
    """Save heads as they begin to be trained: no change in the blocks, the base's output matrix."""
    from safetensors.torch import save_file

    hidden = output.shape[1]
    tensors = {}
    for head in range(HEAD_COUNT):
        tensors[f"{head}.0.linear.weight"] = output.new_zeros(hidden, hidden)
        tensors[f"{head}.0.linear.bias"] = output.new_zeros(hidden)
        tensors[f"{head}.1.weight"] = output.clone()
    save_file(tensors, folder / "medusa_lm_head.safetensors")
