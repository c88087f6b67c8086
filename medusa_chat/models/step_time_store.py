"""What steps took with each model, kept from one run to the next. Standard library only.

One small file of the data folder. What is unreadable in it counts as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from medusa_chat import json_file, paths

_FILE = "step_times.json"
_MOST_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Setup:
    """What the time of a step depends on: with another setup it has to be measured again."""

    model: str
    base: str
    quantization: str
    dtype: str
    device: str
    """Its name, a processor's with the number of threads."""
    forward: str
    draft: str
    versions: str
    """Of the program and the libraries that compute."""

    @property
    def key(self) -> str:
        """All of it in one line."""
        return " | ".join(astuple(self))


def keep(setup: Setup, seconds: Mapping[int, float]) -> None:
    """Keep T(n) by n for ``setup``, in place of what was kept. Raises OSError."""
    kept = _read()
    kept.pop(setup.key, None)
    kept[setup.key] = {str(size): value for size, value in seconds.items()}
    latest = dict(list(kept.items())[-_MOST_ENTRIES:])
    json_file.write(_file(), latest)


def recall(setup: Setup) -> dict[int, float]:
    """Return T(n) by n as it was kept for ``setup``; empty without."""
    found = _read().get(setup.key, {})
    return {int(size): seconds for size, seconds in found.items()}


def _read() -> dict[str, dict[str, float]]:
    loaded = json_file.read(_file())
    entries = loaded.items() if isinstance(loaded, dict) else ()
    return {key: times for key, times in entries if _are_times(times)}


def _are_times(times: object) -> bool:
    return isinstance(times, dict) and all(
        size.isdecimal() and type(seconds) is float and seconds > 0
        for size, seconds in times.items()
    )


def _file() -> Path:
    return paths.data_dir() / _FILE
