"""A corpus made as the built-in model's is, but small enough for a test."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_HEROES = ("Anna", "Ben", "Cora", "Dan", "Ella", "Finn", "Gina", "Hugo", "Ida", "Jon")
_THINGS = ("ball", "kite", "boat", "drum", "lamp")
STORIES = [
    [
        f"{hero} had a small {thing} at home.",
        f"The {thing} of {hero} was very old.",
        f"One day {hero} took the {thing} to the park.",
        f"A dog saw {hero} with the {thing} there.",
        f"The dog and {hero} played with the {thing} all day.",
        f"Then {hero} put the {thing} back on the shelf.",
    ]
    for hero in _HEROES
    for thing in _THINGS
]
"""By their sentences, of which no two are alike."""


def write_sources(folder: Path, asked: Iterable[str]) -> Path:
    """Write the two sources, the small talk being what is asked; return the folder."""
    talk = [
        {
            "persona": "friendly",
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": f"You asked: {question}"},
            ],
        }
        for question in asked
    ]
    told = [{"text": " ".join(sentences)} for sentences in STORIES]
    for name, records in (("chitchat", talk), ("tinystories", told)):
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(record) + "\n" for record in records)
    return folder


def shrink(corpus: Any, chats: int = 20) -> Any:
    """Have the module draw few chats of each kind and hold more of them out; return it."""
    corpus.KINDS = {kind: (draw, chats) for kind, (draw, _) in corpus.KINDS.items()}
    corpus.COPIES = 5 * chats
    corpus.HELD_OUT_PERCENT = 30
    return corpus
