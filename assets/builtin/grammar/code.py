"""Chats about code: Python functions and classes, and short pieces in other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import classes, classics, functions, howtos, snippets

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from .words import Chat

_MOST_LETTERS = 1150


def chats(rng: random.Random, count: int) -> Iterator[Chat]:
    """Yield chats in which code is written, explained, mended and changed."""
    for _ in range(count):
        chance = rng.random()
        if chance < 0.42:
            said = classics.chat(rng)
        elif chance < 0.66:
            said = howtos.chat(rng)
        else:
            kind = functions if chance < 0.82 else classes if chance < 0.87 else snippets
            said = kind.chat(rng)
        # Code has more tokens than words, and a chat has to fit into what is learned at once.
        while len(said) > 2 and sum(len(message["content"]) for message in said) > _MOST_LETTERS:
            said = said[:-2]
        yield said
