"""What the automatic tree takes from tuning: the times and the acceptance of what it may choose."""

from __future__ import annotations

from collections.abc import Sequence

from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
from medusa_chat.decoding.presets import PathList
from medusa_chat.tuning.candidates import SEARCHED
from medusa_chat.tuning.measurement import Outcome, Outcomes


def experience_of(outcomes: Outcomes, grown: str, paths: PathList) -> Experience:
    """Return what is to be kept: of the kind that is ``grown`` in replies, and the searched trees.

    Those are left out where they were faster at no size.
    """
    of_grown = _experience(outcomes.plain_seconds, outcomes.kind(grown))
    if not _searched_pay(outcomes, grown):
        return Experience(of_grown)
    searched = _experience(outcomes.plain_seconds, outcomes.kind(SEARCHED))
    return Experience(of_grown, searched, paths)


def _searched_pay(outcomes: Outcomes, grown: str) -> bool:
    pairs = zip(outcomes.kind(SEARCHED), outcomes.kind(grown), strict=False)
    return any(one.tokens_per_second > other.tokens_per_second for one, other in pairs)


def _experience(plain_seconds: float, outcomes: Sequence[Outcome]) -> KindExperience:
    return KindExperience(
        {1: plain_seconds} | {one.nodes: one.seconds for one in outcomes},
        {one.nodes: Acceptance(one.accepted_per_step, one.steps) for one in outcomes},
    )
