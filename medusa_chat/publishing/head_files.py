"""Heads alone as files, one function a layout: what its loader looks for, and nothing else.

Which loader reads what, by its own source:

- v0.1's names and config: FasterDecoding/Medusa, ``medusa/model/medusa_model.py``, from a pickle;
- vLLM: ``vllm/model_executor/models/medusa.py``, ``vllm/transformers_utils/configs/medusa.py``;
- TGI: ``server/text_generation_server/layers/medusa.py`` and ``layers/speculative.py``;
- TensorRT-LLM: ``tensorrt_llm/models/medusa/weight.py``, ``config.py`` and ``model.py``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from medusa_chat.models.checkpoint import KIND_FIELD, ROOT_KIND, config_of, named_tensors
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.layout import HEADS_ONLY_FILES, ROOT, VOCABULARY_MAP
from medusa_chat.models.vllm_layout import ONE_OUTPUT
from medusa_chat.publishing.settings import Layout

_SAFETENSORS, _PICKLE = HEADS_ONLY_FILES
_VLLM_ALONE = ("architectures", "model_type", "medusa_fc_bias")


@dataclass(frozen=True, slots=True)
class HeadFiles:
    """What is to be written: a file of tensors, and the config beside it."""

    name: str
    tensors: dict[str, Tensor]
    config: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write both into ``folder``. Raises OSError or SafetensorError."""
        folder.mkdir(parents=True, exist_ok=True)
        config, file = folder / "config.json", folder / self.name
        config.write_text(json.dumps(self.config, indent=2) + "\n", "utf-8")
        if self.name == _PICKLE:
            torch.save(self.tensors, file)
        else:
            save_file(self.tensors, file, metadata={"format": "pt"})
        # safetensors keeps its files from all other users of the machine, for no reason of ours.
        shutil.copymode(config, file)


def framework(heads: MedusaHeads, base_name: str) -> HeadFiles:
    """Return v0.1's files or, of heads without output matrices, version 2's."""
    return HeadFiles(_SAFETENSORS, named_tensors(heads), config_of(heads, base_name))


def tgi(heads: MedusaHeads, base_name: str) -> HeadFiles:
    """Return what TGI reads: the framework's files, in safetensors.

    It takes a config that names architectures for a model without heads, so there are none. It
    looks for heads with matrices of their own first, then for those that share the base's.
    """
    return framework(heads, base_name)


def tensorrt_llm(heads: MedusaHeads, base_name: str) -> HeadFiles:
    """Return what TensorRT-LLM reads: v0.1's tensors as a pickle, which all its versions take.

    The number of heads has two names there: one in its quantisation and its model, the other in its
    config.
    """
    files = framework(heads, base_name)
    return HeadFiles(_PICKLE, files.tensors, files.config | {"num_medusa_heads": heads.count})


def vllm(heads: MedusaHeads, base_name: str, vocabulary: int) -> HeadFiles:
    """Return what vLLM reads, for a base of ``vocabulary`` tokens.

    It takes any field with "num" and "heads" in its name for the number of heads, and likewise of
    layers, so there is one of each. Without ``medusa_fc_bias`` it would drop the biases.
    """
    assert heads.output_weight is not None, "vLLM never takes the base's output matrix"
    tensors: dict[str, Tensor] = {}
    for head in range(heads.count):
        for layer in range(heads.layers):
            name = f"blocks.{head}.layers.{layer}"
            tensors[f"{name}.weight"] = heads.block_weight[layer, head].detach().clone()
            tensors[f"{name}.bias"] = heads.block_bias[layer, head].detach().clone()
    config: dict[str, Any] = {
        "architectures": ["MedusaModel"],
        "model_type": "medusa",
        "base_model_name_or_path": base_name,
        "hidden_size": heads.hidden_size,
        "num_heads": heads.count,
        "num_hidden_layers": heads.layers,
        "vocab_size": vocabulary,
        "medusa_fc_bias": True,
    }
    outputs = heads.output_weight.detach()
    if len(outputs) == 1 and heads.count > 1:
        tensors[ONE_OUTPUT] = outputs[0].clone()
        config["original_lm_head"] = True
    else:
        tensors |= {f"lm_heads.{head}.weight": one.clone() for head, one in enumerate(outputs)}
    if heads.token_map is not None:
        tensors[VOCABULARY_MAP] = heads.token_map.clone()
        config["truncated_vocab_size"] = heads.vocabulary
    return HeadFiles("model.safetensors", tensors, config)


def own(heads: MedusaHeads, base_name: str, vocabulary: int) -> HeadFiles:
    """Return what this program alone reads: it may have a cut vocabulary, and see the root.

    The tensors are vLLM's, in a file that vLLM does not look for and in which TGI misses its own,
    so that none of them takes the heads for what they are not.
    """
    files = vllm(heads, base_name, vocabulary)
    config = {name: files.config[name] for name in files.config if name not in _VLLM_ALONE}
    tensors = dict(files.tensors)
    if heads.root_weight is not None:
        tensors[ROOT] = heads.root_weight.detach().clone()
        config[KIND_FIELD] = ROOT_KIND
    return HeadFiles(_SAFETENSORS, tensors, config)


def head_files(
    heads: MedusaHeads, layout: Layout, base_name: str, vocabulary: Callable[[], int]
) -> HeadFiles:
    """Return the files of adapted ``heads`` in ``layout``; ``vocabulary`` tells the base's."""
    if layout == "vllm":
        return vllm(heads, base_name, vocabulary())
    if layout == "own":
        return own(heads, base_name, vocabulary())
    return {"tgi": tgi, "tensorrt-llm": tensorrt_llm}.get(layout, framework)(heads, base_name)
