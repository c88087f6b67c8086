"""The bytes that one step has to read: every weight once, and the keys and values so far."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from medusa_chat.models.loader import LoadedModel
from medusa_chat.models.shape import shape_of


def weight_bytes(model: Any) -> int:
    """Return the bytes of the weights that a step reads, as they are stored.

    An embedding of which only a few rows are looked up does not count; one that is the output
    matrix too does. Of the experts of a mixture all are counted, though a step may read fewer.
    """
    embedding = model.get_input_embeddings().weight
    output = model.get_output_embeddings().weight
    total = sum(_stored(parameter) for parameter in model.parameters())
    total += sum(map(_elsewhere, model.modules()))
    is_tied = embedding.data_ptr() == output.data_ptr()
    return total if is_tied else total - embedding.nbytes


def cache_bytes(model: Any, context_tokens: float) -> int:
    """Return the bytes of the keys and values of a context; 0 for an architecture not known."""
    shape = shape_of(model.config.to_dict())
    if shape is None:
        return 0
    return int(2 * shape.layers * shape.key_width * context_tokens * model.dtype.itemsize)


def step_bytes(loaded: LoadedModel, context_tokens: float, *, drafts: bool) -> int:
    """Return the bytes that a step reads in a context; ``drafts`` with the heads."""
    heads = loaded.head_bytes if drafts else 0
    return weight_bytes(loaded.base) + cache_bytes(loaded.base, context_tokens) + heads


def _elsewhere(module: nn.Module) -> int:
    """Return the bytes of a linear layer whose weights the program keeps in another form."""
    if not isinstance(module, nn.Linear) or module.weight.numel():
        return 0
    return module.in_features * module.out_features * module.weight.element_size()


def _stored(parameter: Tensor) -> int:
    """Return a tensor's bytes; in 4 bits, with its blocks' scales."""
    scales = getattr(getattr(parameter, "quant_state", None), "absmax", None)
    return parameter.nbytes + (scales.nbytes if isinstance(scales, Tensor) else 0)
