"""Tales that everybody knows, asked for by name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .summaries import upper
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def known_tale(rng: random.Random) -> Chat:
    """Ask for a tale by its name and tell it."""
    names, text = rng.choice(list(_DATA["tales"].items()))
    asked = rng.choice(_DATA["asks"]).format(x=rng.choice(names.split(" | ")))
    return [user(typed(rng, upper(asked) if rng.random() < 0.5 else asked)), assistant(text)]
