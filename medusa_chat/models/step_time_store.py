"""What steps took and what was accepted of them, kept from one run to the next.

One small file of the data folder. What is unreadable in it counts as not measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from medusa_chat import json_file, paths
from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
from medusa_chat.decoding.step_times import SIZES

_FILE = "step_times.json"
_MOST_ENTRIES = 100
_SIZES = {str(size): size for size in SIZES}
"""As they are written."""


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


def keep(setup: Setup, experience: Experience) -> None:
    """Keep ``experience`` of ``setup`` over what others have kept meanwhile. Raises OSError."""
    _change(setup, experience.over)


def replace(setup: Setup, experience: Experience) -> None:
    """Keep ``experience`` of ``setup`` in place of all that was kept. Raises OSError."""
    _change(setup, lambda _kept: experience)


def recall(setup: Setup) -> Experience:
    """Return what was kept for ``setup``; nothing where there is none."""
    return _experience(_entries(json_file.read(_file())).get(setup.key))


def _change(setup: Setup, changed: Callable[[Experience], Experience]) -> None:
    def latest(content: object) -> dict[str, Any]:
        entries = _entries(content)
        experience = changed(_experience(entries.pop(setup.key, None)))
        entries[setup.key] = {
            "grown": _written(experience.grown),
            "searched": _written(experience.searched),
            "paths": experience.paths,
            "tuning": experience.tuning,
        }
        return dict(list(entries.items())[-_MOST_ENTRIES:])

    json_file.change(_file(), latest)


def _written(kind: KindExperience) -> dict[str, Any]:
    return {
        "seconds": {str(size): seconds for size, seconds in kind.seconds.items()},
        "accepted": {str(size): astuple(one) for size, one in kind.accepted.items()},
    }


def _entries(content: object) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _experience(found: object) -> Experience:
    if not isinstance(found, dict):
        return Experience()
    grown, paths, tuning = _kind(found.get("grown")), found.get("paths"), found.get("tuning")
    name = tuning if isinstance(tuning, str) else ""
    if not _are_paths(paths):
        return Experience(grown, tuning=name)
    return Experience(grown, _kind(found.get("searched")), paths, name)


def _kind(found: object) -> KindExperience:
    if not isinstance(found, dict):
        return KindExperience()
    seconds, accepted = _by_size(found.get("seconds")), _by_size(found.get("accepted"))
    return KindExperience(
        {size: one for size, one in seconds.items() if type(one) is float and 0 < one < math.inf},
        {
            size: Acceptance(float(pair[0]), pair[1])
            for size, pair in accepted.items()
            if _is_acceptance(pair)
        },
    )


def _by_size(found: object) -> dict[int, Any]:
    written = found if isinstance(found, dict) else {}
    return {_SIZES[size]: one for size, one in written.items() if size in _SIZES}


def _is_acceptance(pair: object) -> bool:
    match pair:
        case [int() | float() as tokens, int() as steps]:
            return 1 <= tokens <= SIZES[-1] and steps >= 1
        case _:
            return False


def _are_paths(found: object) -> TypeGuard[list[list[int]]]:
    return isinstance(found, list) and all(
        isinstance(path, list) and path and all(type(rank) is int and rank >= 0 for rank in path)
        for path in found
    )


def _file() -> Path:
    return paths.data_dir() / _FILE
