"""Why a disk did not take a file, in the system's words."""

from __future__ import annotations

import re

_WRAPPED = re.compile(r"(?:.*I/O error: )?(.*?)(?: \(os error \d+\))?")


def disk_failure(error: Exception) -> str:
    """Return the reason in ``error``, an OSError or what safetensors makes of one."""
    said = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
    found = _WRAPPED.fullmatch(said)
    return (found[1] if found else said) or type(error).__name__
