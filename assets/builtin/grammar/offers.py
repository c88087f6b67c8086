"""Requests that leave out the text that they are about: it is asked for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .mistakes import sentence
from .occasions import told
from .scenes import varied
from .words import Chat, assistant, typed, user

if TYPE_CHECKING:
    import random

_DATA: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def offer(rng: random.Random) -> Chat:
    """Ask for help with a text before the text is there, and perhaps give it then."""
    kind = rng.choice(("mail", "mail", "grammar", "grammar", "text"))
    asked = typed(rng, varied(rng, rng.choice(_DATA[kind])))
    chat = [user(asked), assistant(_DATA[f"{kind}_back"])]
    if kind == "text" or rng.random() < 0.3:
        return chat
    if kind == "grammar":
        right, wrong, _ = sentence(rng)
        return [*chat, user(wrong), assistant(right)]
    to, short, answer = told(rng)
    then = rng.choice(_DATA["mail_then"]).format(to=to, a=short)
    return [*chat, user(typed(rng, then)), assistant(answer)]
