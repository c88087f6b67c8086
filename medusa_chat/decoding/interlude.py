"""Something else decoded in between, behind what the cache holds, without a trace left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medusa_chat.decoding.decoder import Decoder
from medusa_chat.decoding.history import History


@contextmanager
def interlude(decoder: Decoder) -> Iterator[None]:
    """Let ``decoder`` decode prompts that begin with all that it has cached.

    Afterwards the cache and what drafts have learnt are as they were before.
    """
    length, history = len(decoder.cached), decoder.history
    decoder.history = History(decoder.forward.vocabulary, decoder.forward.device)
    try:
        yield
    finally:
        decoder.history = history
        del decoder.cached[length:]
        decoder.forward.truncate(length)
