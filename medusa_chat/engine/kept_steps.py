"""The steps of the last replies, told to whoever asks while the engine runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from medusa_chat.decoding.source import Source
from medusa_chat.decoding.step_record import CheckedTree, StepLog
from medusa_chat.engine.protocol import CheckedStep, RecordedSteps, Steps

MOST_REPLIES = 24
_MOST_STEPS = 16_384
"""Of all replies together: 20 to 60 MB at the most."""
_LETTERS = {Source.ROOT: "R", Source.HEAD: "H", Source.BIGRAM: "B", Source.LOOKUP: "L"}


class KeptSteps:
    """Step logs by reply, the oldest dropped first; ``token_text`` gives a token's text."""

    def __init__(self, token_text: Callable[[int], str], most_replies: int = MOST_REPLIES) -> None:
        self._text = lru_cache(maxsize=2**14)(token_text)
        self._most_replies = most_replies
        self._logs: dict[int, StepLog] = {}

    def keep(self, reply_id: int, log: StepLog) -> None:
        """Keep the steps of one more reply, which may go on growing."""
        self._logs[reply_id] = log
        while len(self._logs) > 1 and self._are_too_many:
            del self._logs[next(iter(self._logs))]

    def tell(self, asked: Steps) -> RecordedSteps:
        """Return what is kept of the steps that are asked for."""
        log = self._logs.get(asked.reply_id)
        if log is None:
            return RecordedSteps(asked.reply_id, is_known=False)
        known = max(asked.known, log.gone)
        outcomes = log.checked(known, log.count - known)
        first = max(asked.first, log.gone)
        return RecordedSteps(
            reply_id=asked.reply_id,
            is_known=True,
            count=log.count,
            gone=log.gone,
            known=known,
            accepted=tuple(len(step.accepted) for step in outcomes),
            depths=tuple(step.depth for step in outcomes),
            first=first,
            steps=tuple(self._told(step) for step in log.checked(first, asked.count)),
        )

    @property
    def _are_too_many(self) -> bool:
        steps = sum(log.kept for log in self._logs.values())
        return len(self._logs) > self._most_replies or steps > _MOST_STEPS

    def _told(self, step: CheckedTree) -> CheckedStep:
        return CheckedStep(
            parents=tuple(step.parents),
            texts=tuple(self._text(token) for token in step.tokens),
            sources="".join(_LETTERS[source] for source in step.sources),
            weights=tuple(round(weight, 6) for weight in step.weights),
            accepted=tuple(step.accepted),
            next_text=self._text(step.next_token),
            seconds=step.seconds,
        )
