"""The loop of a training: step by step through the plan, saving, evaluating and stopping."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import torch

from medusa_chat.models.out_of_memory import is_out_of_memory
from medusa_chat.status_line import tell
from medusa_chat.training.batches import Plan, collate, plan_by_length
from medusa_chat.training.examples import Example
from medusa_chat.training.head_pass import HeadScores
from medusa_chat.training.interruption import Interruption
from medusa_chat.training.learner import Learner, Step
from medusa_chat.training.marks import Marks
from medusa_chat.training.optimizer import Optimizer
from medusa_chat.training.progress import Progress
from medusa_chat.training.run_folder import RunFolder
from medusa_chat.training.team import Team

_SAVE_SECONDS = 180.0
_SAVE_SHARE = 20
"""Saving takes at most about one part in so many of the time: a whole base is large."""
_JUDGE_STEPS = 10
"""Hits are counted in one batch of so many."""


class Outcome(Enum):
    """How ``Trainer.run`` ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """When a training is evaluated, and when it ends early: after so many without a gain."""

    examples: Sequence[Example]
    room: int
    every: int | None = None
    patience: int | None = None

    def is_due(self, step: int, marks: Marks) -> bool:
        """Return whether it is to be evaluated before ``step``, counted from 0."""
        if not self.every or not self.examples or step <= marks.evaluated_step:
            return False
        return step % self.every == 0

    def ends(self, marks: Marks) -> bool:
        """Return whether there were too many without a gain."""
        return self.patience is not None and marks.stale >= self.patience


class Trainer:
    """Makes the steps that ``plan`` has batches for, from wherever ``optimizer`` stands."""

    def __init__(
        self,
        learner: Learner,
        optimizer: Optimizer,
        plan: Plan,
        folder: RunFolder,
        evaluation: Evaluation,
        *,
        batches_a_step: int = 1,
        device: torch.device,
        team: Team,
        marks: Marks,
    ) -> None:
        self.marks = marks
        self._learner = learner
        self._optimizer = optimizer
        self._plan = plan
        self._folder = folder
        self._evaluation = evaluation
        self._batches_a_step = batches_a_step
        self._device = device
        self._team = team
        self._saved_step = optimizer.step_count

    def run(self, examples: Sequence[Example]) -> Outcome:
        """Train to the end, saving every few minutes, at evaluations, at the end, when interrupted.

        Out of memory, what was learnt is saved before the error goes on.
        """
        begun, steps = self._optimizer.step_count, self._optimizer.steps
        saved_at, pause = time.monotonic(), _SAVE_SECONDS
        with (
            Interruption() as interruption,
            Progress(begun, steps, self._learner.rows) as progress,
        ):
            # A training that had been stopped early has nothing more to do.
            for number in range(begun, begun if self._evaluation.ends(self.marks) else steps):
                if self._evaluation.is_due(number, self.marks) and self._judge(number):
                    break
                step = self._step(number, examples)
                with self._saving_out_of_memory():
                    scores, tokens = self._learn(step)
                progress.advance(scores, tokens, self._learner.weights(step.progress))
                if self._team.any(interruption.requested):
                    self._save()
                    return Outcome.INTERRUPTED
                if time.monotonic() - saved_at > pause:
                    saving = time.monotonic()
                    self._save()
                    saved_at = time.monotonic()
                    pause = max(_SAVE_SECONDS, _SAVE_SHARE * (saved_at - saving))
        self._take_best()
        self._save()
        return Outcome.DONE

    def evaluate(self) -> HeadScores:
        """Return the scores on what is held out."""
        examples = self._evaluation.examples
        lengths = [len(example.ids) for example in examples]
        plan = plan_by_length(range(len(examples)), lengths, room=self._evaluation.room)
        scores = HeadScores.none(self._learner.rows)
        for indices in plan[self._team.rank :: self._team.size]:
            batch = collate([examples[index] for index in indices], self._device)
            scores += self._learner.score(batch)
        return scores.map(self._team.total)

    def _step(self, number: int, examples: Sequence[Example]) -> Step:
        first = number * self._batches_a_step
        return Step(
            number,
            number / self._optimizer.steps,
            [
                [examples[index] for index in indices]
                for indices in self._plan[first : first + self._batches_a_step]
            ],
        )

    def _learn(self, step: Step) -> tuple[HeadScores, int]:
        """Make one update; return the scores before it, and the tokens that were trained on."""
        first = step.number * self._batches_a_step
        scores = HeadScores.none(self._learner.rows)
        self._optimizer.clear()
        for number in range(self._team.rank, len(step.batches), self._team.size):
            indices = self._plan[first + number]
            batch = collate(step.batches[number], self._device, indices)
            judge = (first + number) % _JUDGE_STEPS == 0
            scores += self._learner.learn(batch, step, number, judge=judge)
        self._team.add_up(self._optimizer.gradients())
        self._optimizer.step()
        tokens = sum(len(example.ids) for batch in step.batches for example in batch)
        return scores.map(self._team.total), tokens

    def _judge(self, step: int) -> bool:
        """Evaluate before ``step``, keep the best, and return whether to stop."""
        with self._saving_out_of_memory():
            scores = self.evaluate()
        loss = scores.total(self._learner.weights(1.0))
        self.marks = self.marks.after(loss, step)
        gained = self.marks.best_step == step
        tell(
            f"step {step}: held-out loss {loss:.4f}"
            + ("" if gained else f", best {self.marks.best_loss:.4f} at {self.marks.best_step}")
        )
        if gained and self._evaluation.patience is not None and self._team.leads:
            self._folder.save_best(self._optimizer)
        self._save()
        if not self._evaluation.ends(self.marks):
            return False
        tell(f"Stopped early: no gain in {self.marks.stale} evaluations.")
        return True

    def _take_best(self) -> None:
        """Go back to the best there was, where a training may end early."""
        patience, last = self._evaluation.patience, self._optimizer.step_count
        if patience is None or not self._evaluation.examples:
            return
        if self.marks.evaluated_step < last and not self._evaluation.ends(self.marks):
            self._judge(last)
        self._team.wait()
        if self.marks.best_step != last:
            best = f"What had learnt by step {self.marks.best_step}"
            if self._folder.load_best(self._optimizer):
                tell(f"{best} is kept: it did best.")
            else:
                tell(f"{best} did best, and is lost: what learnt to the end is kept.")

    @contextmanager
    def _saving_out_of_memory(self) -> Iterator[None]:
        """Save the steps that are not saved yet before an error for want of memory goes on."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if self._optimizer.step_count > self._saved_step and is_out_of_memory(error):
                self._save()
            raise

    def _save(self) -> None:
        self._learner.flush()
        if self._team.leads:
            self._folder.save(self._optimizer, self.marks)
        self._saved_step = self._optimizer.step_count


def with_first_loss(marks: Marks, loss: float) -> Marks:
    """Return ``marks`` with the base's loss before it learnt."""
    return dataclasses.replace(marks, first_loss=loss)
