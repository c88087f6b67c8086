"""What to do about a model's file that is damaged, by where it lies."""

from __future__ import annotations

from pathlib import Path

from medusa_chat.models.hub.cache import reference_at


def bring_anew(path: Path, *, sentence: bool = False) -> str:
    """Return how to replace ``path``, a model's file or folder; ``sentence`` begins one with it.

    What lies in the Hub's cache a download alone does not mend: it takes for whole what has the
    right length.
    """
    reference = reference_at(path)
    words = "download it again"
    if reference is not None:
        words = (
            f"run `medusa-chat models verify {reference} --discard`, then `medusa-chat models pull "
            f"{reference}`"
        )
    return words[0].upper() + words[1:] if sentence else words
