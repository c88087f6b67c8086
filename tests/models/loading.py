"""Loading models in a test, and asking them for a few tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from medusa_chat.decoding.decoder import Request
from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import ModelError
from medusa_chat.models.loader import LoadedModel, load
from medusa_chat.settings import ModelSettings

PROMPT = [1, 300, 20, 401, 77]


def loaded(model: Path | str, **settings: object) -> LoadedModel:
    return load(ModelSettings(str(model), **settings), lambda _stage, _fraction: None)  # type: ignore[arg-type]


def refusal(model: Path | str, **settings: object) -> str:
    """Return why ``model`` is refused, in two lines at most."""
    with pytest.raises(ModelError) as caught:
        loaded(model, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) <= 2
    return message


def reply(model: LoadedModel, paths: list[list[int]]) -> list[int]:
    """Return 16 tokens, greedily, by a tree of these paths."""
    shape: TreeShape = FixedTree.of(Tree.from_paths(paths), model.decoder.forward.device)
    request = Request(shape, Sampling(0.0), Ending(max_new_tokens=16))
    model.decoder.forget()
    decoding = model.decoder.start(PROMPT, request)
    for _ in decoding.run():
        pass
    return decoding.output.token_ids
