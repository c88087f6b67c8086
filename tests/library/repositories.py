"""Repositories of tiny models in every layout, for the loopback Hub."""

from __future__ import annotations

import json
from pathlib import Path

from loopback_hub import Hub
from safetensors.torch import save_file
from tiny_models import by_name, random_heads, save_base, save_heads, save_weights

BASE = "somebody/base"
HEADS = "somebody/heads"


def publish_base(hub: Hub, tmp_path: Path, name: str = BASE) -> str:
    """Put a tiny Llama on the Hub."""
    hub.folders[name] = save_base(tmp_path / "hub" / name, "llama")
    return name


def publish_heads(
    hub: Hub, tmp_path: Path, name: str = HEADS, base: str = BASE, *, shared: bool = False
) -> str:
    """Put heads of it there, v0.1 or shared."""
    heads = random_heads(vocabulary=None if shared else 512)
    config = {"base_model_name_or_path": base}
    hub.folders[name] = save_heads(tmp_path / "hub" / name, heads, **config)
    return name


def publish_vllm(hub: Hub, tmp_path: Path, name: str = "somebody/vllm") -> str:
    """Put the same heads there in vLLM's layout, which names no base."""
    folder = tmp_path / "hub" / name
    folder.mkdir(parents=True)
    tensors = {}
    for tensor, value in by_name(random_heads()).items():
        head, layer, *rest = tensor.split(".")
        own = (
            f"lm_heads.{head}.weight" if not rest[1:] else f"blocks.{head}.layers.{layer}.{rest[1]}"
        )
        tensors[own] = value
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "medusa"}), "utf-8")
    hub.folders[name] = folder
    return name


def publish_merged(hub: Hub, tmp_path: Path, form: str, shards: int) -> str:
    """Put a merged model there, in ``shards`` files of this form."""
    from transformers import AutoModelForCausalLM

    name = f"somebody/merged-{form}"
    folder = save_base(tmp_path / "hub" / name, "llama")
    state = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    heads = {f"medusa_head.{tensor}": value for tensor, value in by_name(random_heads()).items()}
    save_weights(folder, {**state, **heads}, form, shards)
    hub.folders[name] = folder
    return name
