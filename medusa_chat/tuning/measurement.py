"""What each tree would bring: accepted tokens by replay, times by whole steps of the live loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.decoder import Decoder, Request
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.interlude import interlude
from medusa_chat.decoding.replay import ReplyLog
from medusa_chat.decoding.replay_methods import score
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.timed_rounds import TimedRounds
from medusa_chat.decoding.tree import Tree
from medusa_chat.models.stages import Report
from medusa_chat.tuning.candidates import Candidates

_REPLY_TOKENS = 128
_SECONDS = 10.0
"""So long steps are timed at least: those of a small model are short, and a machine has moods."""
_MOST_TIMES_THE_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What trees of one kind with so many ``nodes`` bring, the root included."""

    kind: str
    nodes: int
    accepted_per_step: float
    steps: int
    """Of the replay."""
    seconds: float
    """T(n): the median of whole steps, draft and acceptance included."""

    @property
    def tokens_per_second(self) -> float:
        """As expected from both: the text alone makes it another in a reply."""
        return self.accepted_per_step / self.seconds


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All trees, and plain decoding."""

    plain_seconds: float
    """T(1)."""
    trees: tuple[Outcome, ...]

    def of(self, kind: str, nodes: int) -> Outcome | None:
        """Return one of them; None where it was not tried."""
        found = (one for one in self.trees if (one.kind, one.nodes) == (kind, nodes))
        return next(found, None)

    def kind(self, name: str) -> list[Outcome]:
        """Return those of one kind, the smallest first."""
        return [one for one in self.trees if one.kind == name]

    @property
    def kinds(self) -> list[str]:
        """The kinds in the order in which they were tried."""
        return list(dict.fromkeys(one.kind for one in self.trees))

    @property
    def best(self) -> Outcome:
        """The tree with most tokens a second."""
        return max(self.trees, key=lambda one: one.tokens_per_second)

    def speedup(self, outcome: Outcome) -> float:
        """Return the tokens a second of ``outcome`` against plain decoding."""
        return outcome.tokens_per_second * self.plain_seconds

    def step_ratio(self, outcome: Outcome) -> float:
        """Return T(n) / T(1)."""
        return outcome.seconds / self.plain_seconds


def measure(
    decoder: Decoder,
    logs: Sequence[ReplyLog],
    candidates: Candidates,
    *,
    rounds: int,
    learns: bool,
    cancelled: Callable[[], bool],
    report: Report,
) -> Outcomes | None:
    """Try all ``candidates`` on ``logs``, and time them; None when that was ``cancelled``."""
    accepted: dict[tuple[str, int], tuple[float, int]] = {}
    count = len(candidates.kinds) * len(candidates.sizes)
    for kind in candidates.kinds:
        for size in candidates.sizes:
            if cancelled():
                return None
            report(f"Replaying {kind.name}, {size} nodes", len(accepted) / count)
            (one,) = score(logs, {kind.name: kind.shape_of}, (size,))
            accepted[kind.name, size] = one.accepted_per_step, one.steps
    seconds = time_candidates(
        decoder,
        logs,
        candidates,
        rounds=rounds,
        learns=learns,
        cancelled=cancelled,
        report=report,
    )
    if seconds is None:
        return None
    trees = [Outcome(*key, *figures, seconds[key]) for key, figures in accepted.items()]
    return Outcomes(seconds["", 1], tuple(trees))


def time_candidates(
    decoder: Decoder,
    logs: Sequence[ReplyLog],
    candidates: Candidates,
    *,
    rounds: int,
    learns: bool,
    cancelled: Callable[[], bool],
    report: Report,
) -> dict[tuple[str, int], float] | None:
    """Return T(n) by kind and size, that of the root alone under ``("", 1)``.

    Steps of the live loop behind the prompts of ``logs``, each tree having its turn; with
    ``learns`` all of them teach drafts. Of a prompt that fills the context its beginning is taken.
    None when that was ``cancelled``.
    """
    keys = [("", 1)]
    shapes: list[StepShape] = [FixedTree.of(Tree.root(), decoder.forward.device)]
    for kind in candidates.kinds:
        for size in candidates.sizes:
            keys.append((kind.name, size))
            shapes.append(kind.shape_of(size))
    timed = TimedRounds(shapes, rounds * _MOST_TIMES_THE_ROUNDS, learns=learns)
    started = time.perf_counter()

    def done() -> float:
        return min(timed.rounds_done / rounds, (time.perf_counter() - started) / _SECONDS)

    def enough() -> bool:
        return done() >= 1 or not timed.steps_left

    # Where replies had little room, nearly all of the time would go into prompts.
    longest = max(1, decoder.forward.context_tokens - _REPLY_TOKENS)
    decoder.forget()
    with interlude(decoder):
        for log in _again_and_again(logs):
            request = Request(timed, log.sampling, Ending(max_new_tokens=_REPLY_TOKENS), log.seed)
            report("Timing steps", min(1.0, done()))
            decoding = decoder.start(log.prompt[:longest], request)
            for _ in decoding.run(lambda: cancelled() or enough()):
                pass
            if cancelled():
                return None
            if enough():
                break
    return dict(zip(keys, timed.medians, strict=True))


def _again_and_again(logs: Sequence[ReplyLog]) -> Iterator[ReplyLog]:
    while True:
        yield from logs
