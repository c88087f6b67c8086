"""Text that is safe to show: what a model or a file says must not steer the terminal."""

from __future__ import annotations

import re

_NEWLINE_AND_TAB = "\n\t"

# A lone escape character goes; what followed it stays as the plain characters that it is.
_CONTROLS = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _NEWLINE_AND_TAB
}

# Embeddings, overrides and isolates reorder the text around them; marks (U+200E) do not.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """Drop control characters but newlines and tabs, and spell out what reorders text.

    Works on any cut of a stream: the parts, made printable, join to the whole, made printable.
    """
    text = _HALF_PAIRS.sub("\ufffd", text.translate(_CONTROLS))
    return _REORDERING.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)
