"""Decode a reply to its end, as the tests of the loop do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import torch

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.decoder import Decoder, Decoding, Request
from medusa_chat.decoding.drafting import HeadLogits, TreeShape
from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.presets import presets
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.step import StockForward
from medusa_chat.decoding.tree import Tree
from medusa_chat.settings import MAX_TREE_SIZE

CPU = torch.device("cpu")
PLAIN = FixedTree.of(Tree.root(), CPU)
GREEDY = Sampling()

SHAPES: dict[str, TreeShape] = {
    **{name: FixedTree.of(Tree.from_paths(paths), CPU) for name, paths in presets().items()},
    **{f"dynamic-{size}": DynamicTree(size, 4, 32, CPU) for size in (8, 16, 64, 128)},
    "chain": FixedTree.of(Tree.chain(4), CPU),
}
"""Every tree that a user can name for a model of four heads."""


def fixed(paths: Iterable[Sequence[int]]) -> FixedTree:
    """Return the tree of ``paths``, the same at every step."""
    return FixedTree.of(Tree.from_paths(paths), CPU)


def no_text(ids: list[int]) -> str:
    """Decode nothing: for tests that look at token ids alone."""
    return ""


def decoder_for(model: Any, head_logits: HeadLogits, context_tokens: int = 512) -> Decoder:
    """Return a decoder of ``model`` through transformers' forward."""
    return Decoder(stock_forward(model, context_tokens), head_logits, no_text)


@cache
def stock_forward(model: Any, context_tokens: int) -> StockForward:
    """Return the one forward of ``model``: each leaves a hook in it, which costs time."""
    return StockForward(model, context_tokens, MAX_TREE_SIZE)


def reply(
    decoder: Decoder,
    prompt: Sequence[int],
    shape: TreeShape | MixedTree = PLAIN,
    *,
    sampling: Sampling = GREEDY,
    tokens: int = 40,
    seed: int = 0,
    typical: Typical | None = None,
    eos_ids: Iterable[int] = (),
    stop: tuple[str, ...] = (),
    cancelled: Callable[[], bool] = lambda: False,
    reuse: bool = False,
) -> Decoding:
    """Decode a reply to its end, from an empty cache unless ``reuse``."""
    if not reuse:
        decoder.forget()
    ending = Ending(frozenset(eos_ids), stop, tokens)
    decoding = decoder.start(prompt, Request(shape, sampling, ending, seed, typical))
    for _ in decoding.run(cancelled):
        pass
    return decoding
