"""Can this model check a tree? One small step is compared with plain forwards when it loads.

Some architectures take positions or masks in ways of their own (ALiBi, for one): they would decode
trees wrongly without a word. Such a model runs plain, and the reason is shown.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from medusa_chat.decoding.lean.fp8 import is_float8
from medusa_chat.decoding.step import Forward
from medusa_chat.decoding.tree import Tree

_PREFIX = 5
_TREE = [[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 0]]
# Relative; kernels for one row and for seven round differently, the more so in 16 bits.
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.02, torch.bfloat16: 0.03}
_QUANTIZED_TOLERANCE = 0.06
FLOAT8_TOLERANCE = 0.3
"""Activations are rounded to three bits too, which multiplies a difference of their last one."""


RUN_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    AssertionError,  # bitsandbytes' way of refusing a width
)
"""What models raise that do not take what they are given."""


def defect(model: Any, forward: Forward, *, plain: bool = False) -> str | None:
    """Return why ``forward`` cannot decode trees with ``model``, or None when it can.

    With ``plain`` the tree is the root alone: can it decode at all?

    The oracle is the model itself, run over each node's path without a cache or a mask of ours.
    Logits are compared after a step and again after its compaction. Raises torch.OutOfMemoryError
    where a GPU has no room for that.
    """
    tree = Tree.from_paths([] if plain else _TREE).to(forward.device)
    step = f"a step of {tree.size} node{'' if plain else 's'}"
    vocabulary = forward.vocabulary
    # Any ids do, as long as they differ; spread over the vocabulary.
    ids = (torch.arange(1, _PREFIX + tree.size + 1, device=forward.device) * 7919) % vocabulary
    prefix, tokens = ids[:_PREFIX], ids[_PREFIX:]
    quantized = getattr(model, "is_quantized", False)
    tolerance = _QUANTIZED_TOLERANCE if quantized else _TOLERANCE[model.dtype]
    if is_float8(model):
        tolerance = FLOAT8_TOLERANCE
    try:
        worst = _worst_error(model, forward, prefix, tokens, tree)
    except torch.OutOfMemoryError:  # which says nothing about the model
        raise
    except RUN_ERRORS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"{type(model).__name__} cannot run {step} ({reason[:120]})"
    finally:
        forward.truncate(0)
    if worst <= tolerance:
        return None
    return (
        f"{type(model).__name__} gives other logits in {step} than over "
        f"plain text (relative error {worst:.2g}, at most {tolerance:g} allowed)"
    )


@torch.inference_mode()
def _worst_error(model: Any, forward: Forward, prefix: Tensor, tokens: Tensor, tree: Tree) -> float:
    forward.truncate(0)
    forward.extend(prefix)
    step = forward.step(tokens, tree)
    errors = []
    paths = [row.nonzero().squeeze(-1) for row in tree.mask]
    for node, path in enumerate(paths):
        expected = _plain_logits(model, torch.cat([prefix, tokens[path]]))
        errors.append(_relative_error(step.logits[node], expected))
    accepted = paths[-1]
    forward.compact(accepted.tolist())
    after = forward.extend(tokens[:1]).logits[0]
    expected = _plain_logits(model, torch.cat([prefix, tokens[accepted], tokens[:1]]))
    return max(*errors, _relative_error(after, expected))


def _plain_logits(model: Any, ids: Tensor) -> Tensor:
    logits: Tensor = model(input_ids=ids[None], use_cache=False).logits[0, -1].float()
    return logits


def _relative_error(got: Tensor, expected: Tensor) -> float:
    # Centred: a common offset of all logits changes nothing and would hide an error.
    got, expected = got - got.mean(), expected - expected.mean()
    error = ((got - expected).norm() / expected.norm().clamp(min=1e-30)).item()
    return error if error == error else float("inf")  # a NaN is as wrong as can be
