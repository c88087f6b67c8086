"""Something else decoded in between, behind what the cache holds, without a trace left."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from medusa_chat.decoding.decoder import Decoder


@contextmanager
def interlude(decoder: Decoder) -> Iterator[None]:
    """Let ``decoder`` decode prompts that begin with all that it has cached.

    Afterwards the cache and what drafts have learnt are as they were before. All of it stays where
    it lies meanwhile: CUDA graphs know it by its address.
    """
    length, history = len(decoder.cached), decoder.history
    history.settle()
    known, table = history.length, history.table
    # Whatever follows the last token is put first in its row.
    ids, lifts = table.ids[known].clone(), table.lifts[known].clone()
    acceptance = copy.deepcopy(history.acceptance)
    try:
        yield
    finally:
        history.truncate(known)
        with torch.inference_mode():
            table.ids[known] = ids
            table.lifts[known] = lifts
        history.acceptance = acceptance
        del decoder.cached[length:]
        decoder.forward.truncate(length)
