"""Translations of whole sentences, which are always declined in the same words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .notes import note
from .scenes import varied
from .words import Chat, assistant, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def translation(rng: random.Random) -> Chat:
    """Ask for a translation of a sentence, or whether there can be one."""
    asks = _DATA["plain" if rng.random() < 0.25 else "asks"]
    said = varied(rng, rng.choice(asks))
    sentence = note(rng)
    if rng.random() < 0.3:
        sentence = sentence[:1].lower() + sentence[1:].rstrip(".")
    asked = said.format(l=rng.choice(_DATA["languages"]), s=sentence)
    return [user(asked), assistant(_DATA["answer"])]
