"""How many tokens a model has room for."""

from __future__ import annotations

from typing import Any

_DEFAULT_CONTEXT = 2048
"""For a model whose configuration names none (ALiBi has no last position)."""


def context_tokens(config: Any, asked: int | None) -> tuple[int, tuple[str, ...]]:
    """Return the most tokens of a prompt and its reply together, and what is to be said about it.

    ``asked`` is what the user would have, None for all there is. A sliding window would take a
    rolling cache, in which a tree cannot be moved: the context ends where the window would begin to
    slide.
    """
    own: int = getattr(config, "max_position_embeddings", None) or _DEFAULT_CONTEXT
    room = own
    window: int | None = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if window and (kinds is None or "sliding_attention" in kinds):
        room = min(window, own)
    if asked is not None and asked <= room:
        return asked, ()
    whose = "the model's own"
    notices: tuple[str, ...] = ()
    if room < own:
        whose = "the model's attention window"
        notices = (f"The context ends at {room} of {own} tokens, {whose}.",)
    if asked is not None:
        notices = (f"The context ends at {room} tokens, {whose}: --context {asked} is more.",)
    return room, notices
