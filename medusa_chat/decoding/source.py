"""Where a drafted token came from."""

from __future__ import annotations

from enum import IntEnum


class Source(IntEnum):
    """Where a node's token came from. Of several that guessed it, the first of these is named."""

    ROOT = 0
    LOOKUP = 1
    HEAD = 2
    BIGRAM = 3
