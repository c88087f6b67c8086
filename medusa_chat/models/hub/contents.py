"""Which files of a repository a model needs, by their names alone. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Collection

from medusa_chat.errors import HubError

HEADS_FILES = ("medusa_lm_head.safetensors", "medusa_lm_head.pt")
"""Heads alone; the first that is there is read."""
CONFIG = "config.json"

_VOCABULARIES = frozenset({"tokenizer.model", "spiece.model", "vocab.txt", "merges.txt"})
_TOKENIZERS = frozenset({"tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt"})
_TOKENIZER_PAIR = frozenset({"vocab.json", "merges.txt"})
_INDEX_SUFFIX = ".index.json"
_OF_TRAINING = frozenset({"trainer_state.json", "optimizer.json", "scheduler.json"})

# As transformers looks for them; an index is worth nothing without a shard.
_WEIGHTS = (
    ("model.safetensors", re.compile(r"model-\d+-of-\d+\.safetensors")),
    ("pytorch_model.bin", re.compile(r"pytorch_model-\d+-of-\d+\.bin")),
)
# Refused wherever it stands: a way out of the cache's folder, or a command to a terminal.
_UNSAFE = re.compile(r"^/|\\|[\x00-\x1f\x7f-\x9f]|(?:^|/)\.\.?(?:/|$)|^[A-Za-z]:|^$")


def check_names(names: Collection[str], repository: str) -> None:
    """Raise HubError where a file's name could leave the cache, or steer a terminal."""
    for name in names:
        if _UNSAFE.search(name):
            raise HubError(
                f"{repository} has a file called {name[:80]!r}, which could be written outside the "
                "cache: the repository is not to be trusted.",
                "server",
                repository,
            )


def heads_file(names: Collection[str]) -> str | None:
    """Return the file of heads alone that is read of these; None when there is none."""
    return next((name for name in HEADS_FILES if name in names), None)


def weights(names: Collection[str]) -> frozenset[str]:
    """Return the files that hold a whole model's weights, its index among them; empty if none.

    The same weights lie in many repositories several times: safetensors come before pickles,
    shards with their index before a single file.
    """
    for single, shard in _WEIGHTS:
        index = single + _INDEX_SUFFIX
        shards = {name for name in names if shard.fullmatch(name)}
        if index in names and shards:
            return frozenset({index, *shards})
        if single in names:
            return frozenset({single})
    return frozenset()


def wanted(names: Collection[str]) -> frozenset[str]:
    """Return those of a repository's files that a model needs.

    Its heads, else its weights; its configuration, its tokenizer and its chat template. Nothing in
    folders, and nothing for other programs.
    """
    heads = heads_file(names)
    chosen = {heads} if heads else set(weights(names))
    for name in names:
        if "/" in name or ":" in name or name.startswith("."):
            continue
        is_text = name.endswith((".json", ".jinja")) and not name.endswith(_INDEX_SUFFIX)
        if (is_text and name not in _OF_TRAINING) or name in _VOCABULARIES:
            chosen.add(name)
    return frozenset(chosen)


def has_tokenizer(names: Collection[str]) -> bool:
    """Return whether a tokenizer can be made of these files."""
    return bool(_TOKENIZERS & set(names)) or set(names) >= _TOKENIZER_PAIR
