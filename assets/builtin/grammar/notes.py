"""Short sentences of the kind that people type, full of words that are often misspelt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .summaries import article, upper

if TYPE_CHECKING:
    import random

_PARTS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def note(rng: random.Random) -> str:
    """Build a short sentence; no longer word stands in it twice."""
    while True:
        text = rng.choice(_PARTS["sentence"])
        text = re.sub(r"\{(\w+)\}", lambda match: rng.choice(_PARTS[match[1]]), text)
        words = re.findall(r"\w{4,}", text.lower())
        if len(words) == len(set(words)):
            return upper(article(text))
