"""Where in a JSON text a value stands, so that an error can name its line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def line_of(text: str, place: Sequence[str | int]) -> int:
    """Return the line, from 1, of the value at ``place`` in a valid JSON ``text``.

    A place is the keys and indices that lead to it; where it ends early, its last part counts.
    """
    at = _skip(text, 0)
    for part in place:
        inside = _find(text, at, part)
        if inside is None:
            break
        at = inside
    return text.count("\n", 0, at) + 1


def _find(text: str, at: int, part: str | int) -> int | None:
    """Return where the member ``part`` of the object or list at ``at`` begins."""
    is_object = text[at] == "{"
    if text[at] not in "{[" or is_object != isinstance(part, str):
        return None
    at = _skip(text, at + 1)
    found = None
    index = 0
    while text[at] not in "}]":
        key: str | int = index
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if key == part:
            # Of members with one name the last counts, as for the parser.
            found = at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
