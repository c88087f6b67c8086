"""What earlier steps of the automatic tree have shown: what they took, and what was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medusa_chat.decoding.presets import PathList


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Accepted ``tokens`` a step, the root included: an average over so many ``steps``."""

    tokens: float
    steps: int


@dataclass(frozen=True, slots=True)
class KindExperience:
    """What trees of one kind have shown, by their size; sizes that were not run are missing."""

    seconds: Mapping[int, float] = field(default_factory=dict)
    """T(n), of a whole step."""
    accepted: Mapping[int, Acceptance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experience:
    """All that is known in one setup: of trees grown anew at each step, and of searched ones."""

    grown: KindExperience = field(default_factory=KindExperience)
    searched: KindExperience = field(default_factory=KindExperience)
    paths: PathList = field(default_factory=list)
    """Of the largest searched tree, in the order of their finding; empty where none was searched
    or none would pay."""
