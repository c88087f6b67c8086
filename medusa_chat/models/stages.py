"""How loading tells what it is busy with. Standard library only."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, float | None], None]
"""Takes a stage in words, and how much of it is done, 0 to 1, or None where that is not known."""
