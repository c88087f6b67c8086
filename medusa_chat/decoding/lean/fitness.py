"""Which loaded models the lean forward can run, and what speaks against the others."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from medusa_chat.decoding.lean.fp8 import is_float8, leaves_the_stream

_ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_ROPE_TYPES = ("default", "linear", "llama3", "yarn")
"""Those whose frequencies don't depend on the length of the text."""
_LINEARS = ("Linear", "Linear4bit", "Linear8bitLt", "Fp8Linear")


def unfitness(model: Any, context_tokens: int) -> str | None:
    """Return why the stock forward has to run ``model``, or None where the lean one can."""
    name = type(model).__name__
    if name not in _ARCHITECTURES or not type(model).__module__.startswith("transformers."):
        return f"{name} is not one of the Llama family"
    config = model.config
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act}, not silu"
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ()
    slides = "sliding_attention" in kinds if kinds else window is not None
    if slides and window is not None and window < context_tokens:
        return f"its attention slides over {window} of {context_tokens} tokens"
    rotary = model.model.rotary_emb
    if rotary.rope_type not in _ROPE_TYPES:
        return f"its rotary embedding is of the type {rotary.rope_type}"
    first = model.model.layers[0].self_attn
    if rotary.inv_freq.shape[0] * 2 != first.head_dim:
        return "its rotary embedding turns a part of each head only"
    return _foreign_part(model)


def _foreign_part(model: Any) -> str | None:
    devices = {str(tensor.device) for tensor in model.parameters()}
    if len(devices) > 1 or "meta" in devices:
        return f"it is spread over {', '.join(sorted(devices))}"
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for linear in part.children():
                kind = type(linear).__name__
                if isinstance(linear, nn.Linear) and kind not in _LINEARS:
                    return f"it has layers of the kind {kind}"
    for module in model.modules():
        if getattr(getattr(module, "_hf_hook", None), "offload", False):
            return "parts of it are offloaded"
    dtypes = {module.weight.dtype for module in model.modules() if type(module) is nn.Linear}
    if dtypes - {torch.float32, torch.float16, torch.bfloat16} or len(dtypes) > 1:
        return f"its layers are of {', '.join(sorted(map(str, dtypes)))}"
    return None


def graph_obstacle(model: Any) -> str | None:
    """Return why steps of ``model`` cannot be CUDA graphs, or None where they can."""
    device: torch.device = model.get_input_embeddings().weight.device
    if device.type != "cuda":
        return f"the model is on {device}"
    if is_float8(model) and leaves_the_stream(device):
        return "torch before 2.12 loses its products of float8 in them; a newer one does not"
    for module in model.modules():
        # Asked of the pool, which was made for outliers: the threshold may be off for a comparison.
        if type(module).__name__ == "Linear8bitLt" and module.state.use_pool:
            return "its 8-bit layers set large columns apart, and wait for the device to find them"
    return None
