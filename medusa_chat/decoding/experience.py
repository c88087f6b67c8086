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

    def over(self, kept: KindExperience) -> KindExperience:
        """Return both: these times where ``kept`` has others, and what was seen over more steps."""
        accepted = dict(kept.accepted)
        for size, one in self.accepted.items():
            if size not in accepted or one.steps >= accepted[size].steps:
                accepted[size] = one
        return KindExperience({**kept.seconds, **self.seconds}, accepted)


@dataclass(frozen=True, slots=True)
class Experience:
    """All that is known in one setup: of trees grown anew at each step, and of searched ones."""

    grown: KindExperience = field(default_factory=KindExperience)
    searched: KindExperience = field(default_factory=KindExperience)
    paths: PathList = field(default_factory=list)
    """Of the largest searched tree, in the order of their finding; empty where none was searched
    or none would pay."""
    tuning: str = ""
    """The name of the tuning that it goes on from; empty before any."""

    def over(self, kept: Experience) -> Experience:
        """Return what is to be kept when replies of a process have shown this.

        ``kept`` is what others have kept by now. If that is of a tuning which this process does not
        know, it stays as it is; the searched trees stay where this process has none.
        """
        if kept.tuning not in ("", self.tuning):
            return kept
        grown = self.grown.over(kept.grown)
        if not self.paths:
            return Experience(grown, kept.searched, kept.paths, self.tuning)
        return Experience(grown, self.searched.over(kept.searched), self.paths, self.tuning)
