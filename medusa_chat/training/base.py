"""The frozen base model, as the heads see it: hidden states and an output matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medusa_chat.errors import ModelError
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.training.settings import HeadsKind, Layout


class FrozenBase:
    """A transformers causal language model that is read, never changed.

    The hidden states are what enters its output matrix, caught by a hook there, as in decoding.
    """

    def __init__(self, model: Any) -> None:
        self.output: Any = output_of(model)
        self.device: torch.device = self.output.weight.device
        self._model = model.requires_grad_(False)

    @torch.no_grad()
    def hidden(self, ids: Tensor) -> Tensor:
        """Return the hidden states [B, T, H], in float32, of ``ids`` [B, T], padded at the right.

        Not in inference mode: the heads' backward pass needs them.
        """
        return final_hidden(self._model, self.output, ids).float()


def output_of(model: Any) -> Any:
    """Return the output matrix of ``model``. Raises ModelError where it has none."""
    output = model.get_output_embeddings()
    if not hasattr(output, "out_features"):
        raise ModelError(
            f"{type(model).__name__} has no output matrix: no heads can be trained for it."
        )
    return output


def final_hidden(model: Any, output: Any, ids: Tensor) -> Tensor:
    """Return what enters ``output``, the matrix of ``model``, for ``ids`` [B, T]: [B, T, H]."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        caught.append(inputs[0])
        # One position goes through: no time for logits that nobody looks at.
        return (inputs[0][:, -1:], *inputs[1:])

    hook = output.register_forward_pre_hook(catch)
    try:
        model(input_ids=ids, use_cache=False)
    finally:
        hook.remove()
    return caught[-1]


def new_heads(output: Any, heads: int, layers: int, layout: Layout, kind: HeadsKind) -> MedusaHeads:
    """Return heads that begin as the base's own next-token guess (the paper, section 2.1.1).

    Their blocks are zero, and so pass the hidden state on to a copy of ``output``, its matrix; what
    those that see the root make of it is nothing yet.
    """
    weight: Tensor = output.weight.detach()
    rows, hidden = weight.shape
    own_rows = rows if layout == "v0.1" else None
    fresh = MedusaHeads(heads, layers, hidden, own_rows, sees_root=kind == "root")
    if fresh.output_weight is not None:
        with torch.no_grad():
            fresh.output_weight.copy_(weight.float().cpu().expand_as(fresh.output_weight))
    return fresh.to(weight.device)


def base_files(folder: Path) -> tuple[Path, ...]:
    """Return the files by whose contents the base in ``folder`` is known from others.

    Its config and its weights, of which transformers reads the safetensors where there are any. By
    files, and not by what is loaded, it is the same base on any device and in any precision.
    """
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    return folder / "config.json", *weights
