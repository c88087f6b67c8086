"""Everyday sentences of many kinds, built by a small grammar of their own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from .summaries import article, upper
from .words import CITIES, NAMES

if TYPE_CHECKING:
    import random

_PARTS: dict[str, list[str]] = {
    **tomllib.loads(Path(__file__).with_name("everyday.toml").read_text(encoding="utf-8")),
    "name": NAMES,
    "city": CITIES,
}


def sentence(rng: random.Random) -> str:
    """Build a sentence; no name stands in it twice."""
    while True:
        text = article(_filled(rng, rng.choice(_PARTS["sentence"])))
        words = re.findall(r"\w{4,}", text.lower())
        if len(words) == len(set(words)):
            return text


def _filled(rng: random.Random, text: str) -> str:
    def draw(match: re.Match[str]) -> str:
        slot = match[1].lower()
        part = _filled(rng, rng.choice(_PARTS[slot if slot in _PARTS else slot.rstrip("2")]))
        return upper(part) if match[1][0].isupper() else part

    return re.sub(r"\{(\w+)\}", draw, text)
