"""Medusa-1: heads learn from the hidden states of a base that stays as it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from medusa_chat.models.heads import MedusaHeads
from medusa_chat.models.out_of_memory import is_out_of_memory
from medusa_chat.training.base import FrozenBase
from medusa_chat.training.batches import Batch, Plan, collate, plan_by_length
from medusa_chat.training.examples import Example
from medusa_chat.training.head_pass import HeadScores, head_pass
from medusa_chat.training.interruption import Interruption
from medusa_chat.training.losses import DECAY, head_weights
from medusa_chat.training.optimizer import HeadOptimizer
from medusa_chat.training.precision import Precision
from medusa_chat.training.progress import Progress
from medusa_chat.training.run_folder import RunFolder

_SAVE_SECONDS = 180.0
_JUDGE_STEPS = 10
"""Hits are counted in one batch of so many."""


class Outcome(Enum):
    """How ``Trainer.run`` ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains ``heads`` on the batches of ``plan``, from wherever ``optimizer`` stands."""

    base: FrozenBase
    heads: MedusaHeads
    optimizer: HeadOptimizer
    precision: Precision
    plan: Plan
    folder: RunFolder

    def run(self, examples: Sequence[Example]) -> Outcome:
        """Train to the end of the plan, saving every few minutes, at the end and when interrupted.

        Out of memory, what was learnt is saved before the error goes on.
        """
        weights = head_weights(self.heads.count, DECAY)
        begun = self.optimizer.step_count
        saved_at = time.monotonic()
        with Interruption() as interruption, Progress(begun, len(self.plan), weights) as progress:
            for step, indices in enumerate(self.plan[begun:], start=begun):
                batch = collate([examples[index] for index in indices], self.base.device)
                try:
                    scores = self._learn(batch, weights, judge=step % _JUDGE_STEPS == 0)
                except (MemoryError, RuntimeError) as error:
                    if step > begun and is_out_of_memory(error):
                        self.folder.save(self.optimizer)
                    raise
                progress.advance(scores, batch.tokens)
                if interruption.requested:
                    self.folder.save(self.optimizer)
                    return Outcome.INTERRUPTED
                if time.monotonic() - saved_at > _SAVE_SECONDS:
                    self.folder.save(self.optimizer)
                    saved_at = time.monotonic()
        self.folder.save(self.optimizer)
        return Outcome.DONE

    def evaluate(self, examples: Sequence[Example], room: int) -> HeadScores:
        """Return what the heads achieve on ``examples``, in batches of ``room`` tokens."""
        lengths = [len(example.ids) for example in examples]
        scores = HeadScores.none(self.heads.count)
        for indices in plan_by_length(range(len(examples)), lengths, room=room):
            batch = collate([examples[index] for index in indices], self.base.device)
            scores += self._pass(batch, None, judge=True)
        return scores

    def _learn(self, batch: Batch, weights: tuple[float, ...], *, judge: bool) -> HeadScores:
        """Make one update; the scores are the heads' before it."""
        self.optimizer.clear()
        scores = self._pass(batch, weights, judge=judge)
        self.optimizer.step()
        return scores

    def _pass(self, batch: Batch, weights: tuple[float, ...] | None, *, judge: bool) -> HeadScores:
        with self.precision.autocast(self.base.device):
            hidden = self.base.hidden(batch.ids)
        return head_pass(
            self.heads,
            self.base.output,
            hidden,
            batch.labels,
            self.precision,
            weights=weights,
            judge=judge,
        )
