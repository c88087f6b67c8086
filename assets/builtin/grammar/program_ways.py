"""How people type in a hurry: small words before a question, short spellings, slips of the keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from .words import Chat

_BEFORE = (
    "hey, ",
    "ok, ",
    "ok so ",
    "so ",
    "sorry, ",
    "quick question: ",
    "hi, ",
    "um, ",
    "one more thing: ",
    "Another question: ",
    "please tell me, ",
    "hm, ",
)
_REMARKS = (
    "I am new to this. ",
    "I'm new here, ",
    "I just installed this. ",
    "sorry if this is a stupid question, but ",
    "maybe a silly question: ",
    "this is nice, but ",
    "this is fun. ",
    "I like it so far, but ",
    "I read the help but did not understand it: ",
    "just wondering, ",
    "I forgot it: ",
    "my friend asked me: ",
)
_REMARKS_BEHIND = (
    ", I'm new to this",
    ", I can't find it",
    ", I have no idea",
    ", I forgot",
    " on my laptop",
    " in this program",
    " in this thing",
    ", I just started",
)
_LOOKED_FOR = re.compile(
    r"(how (do|can|would|could) i|where|which key|can i|is there)\b", re.IGNORECASE
)
_BEHIND = (" please", " pls", " btw", " exactly", " again")
_QUESTION = re.compile(r"(how|what|where|which|why|can|is|does|do|are|who)\b", re.IGNORECASE)
_SHORT = (
    (re.compile(r"\b(what|where|how|who)(?: is|'s)\b"), r"\1s"),
    (re.compile(r"\b(do|does|is|ca)(?: not|n't|nnot)\b"), r"\1nt"),
    (re.compile(r"\byou\b"), "u"),
    (re.compile(r"\bare\b"), "r"),
    (re.compile(r"\bplease\b"), "pls"),
    (re.compile(r"\bI am\b"), "im"),
)
_WORD = re.compile(r"(?<![\w/+@`.-])[a-z]{4,}(?![\w/+@`.-])")


def casual(rng: random.Random, chat: Chat, *, remarks: bool) -> Chat:
    """Type some of what the user says as one does in a hurry, the first with ``remarks``."""
    for number, message in enumerate(chat[::2]):
        text = message["content"]
        if _QUESTION.match(text) and len(text) < 90:
            if rng.random() < 0.06:
                text = rng.choice(_BEFORE) + _small(text)
            elif rng.random() < 0.03:
                text = text.rstrip("?") + rng.choice(_BEHIND) + rng.choice(("", "?"))
            elif remarks and number == 0 and rng.random() < 0.12:
                text = _remarked(rng, text)
        if rng.random() < 0.07:
            text = _short(text)
        if rng.random() < 0.07:
            text = _slip(rng, text)
        message["content"] = text
    return chat


def _remarked(rng: random.Random, text: str) -> str:
    """Say something beside the question, which changes nothing of what it asks."""
    if rng.random() < 0.5 or not _LOOKED_FOR.match(text):
        return rng.choice(_REMARKS) + _small(text)
    return text.rstrip("?") + rng.choice(_REMARKS_BEHIND) + rng.choice(("", "?"))


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(text: str) -> str:
    text = _small(text).rstrip(".?")
    for long, short in _SHORT:
        text = long.sub(short, text)
    return re.sub(r"\bI\b", "i", text)


def _slip(rng: random.Random, text: str) -> str:
    """Leave out, double or swap a letter inside of one word; names of keys and commands stay."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    match = rng.choice(words)
    word = match[0]
    at = rng.randrange(1, len(word) - 1)
    changed = rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return text[: match.start()] + changed + text[match.end() :]
