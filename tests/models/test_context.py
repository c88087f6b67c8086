"""Where the context ends, and what is said about it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from medusa_chat.models.context import context_tokens


@pytest.mark.parametrize(
    ("own", "window", "asked", "expected", "words"),
    [
        (4096, None, None, 4096, ()),
        (4096, None, 1000, 1000, ()),
        (4096, None, 4096, 4096, ()),
        (4096, None, 8000, 4096, ("4096", "--context 8000", "the model's own")),
        (None, None, None, 2048, ()),
        (8192, 4096, None, 4096, ("4096 of 8192", "window")),
        (8192, 4096, 4000, 4000, ()),
        (8192, 4096, 5000, 4096, ("4096", "window", "--context 5000")),
        (2048, 4096, None, 2048, ()),
        (2048, 4096, 3000, 2048, ("2048", "the model's own")),
    ],
)
def test_context(
    own: int | None, window: int | None, asked: int | None, expected: int, words: tuple[str, ...]
) -> None:
    config = SimpleNamespace(max_position_embeddings=own, sliding_window=window)
    tokens, notices = context_tokens(config, asked)
    assert tokens == expected
    assert bool(notices) == bool(words)
    assert all(word in notices[0] for word in words)


def test_window_of_layers_that_never_slide() -> None:
    config = SimpleNamespace(
        max_position_embeddings=8192, sliding_window=4096, layer_types=["full_attention"]
    )
    assert context_tokens(config, None) == (8192, ())
