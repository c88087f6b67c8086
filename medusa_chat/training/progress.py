"""How a training is going, on stderr: a bar in a terminal, a line now and then elsewhere.

Losses and accuracies are of the training batches, each before its update, as a running mean; the
hits are counted in every tenth batch only, since they take time.
"""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from medusa_chat.status_line import tell
from medusa_chat.training.head_pass import HeadScores

_LINE_SECONDS = 15.0
_KEPT = 0.95
"""Of the running mean, at each step."""


class Progress:
    """Shows the steps from ``step`` to ``steps``; the scores have so many ``rows``."""

    def __init__(self, step: int, steps: int, rows: int) -> None:
        self._console = Console(stderr=True)
        self._first = self._step = step
        self._steps = steps
        self._weights: tuple[float, ...] = (0.0,) * rows
        self._scores = HeadScores.none(rows)
        self._tokens = 0
        self._begun = time.monotonic()
        self._line_at = self._begun + _LINE_SECONDS
        self._live = (
            Live(console=self._console, refresh_per_second=4, transient=True)
            if self._console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self._step > self._first:
            tell(self._line())

    def advance(self, scores: HeadScores, tokens: int, weights: tuple[float, ...]) -> None:
        """Count one more step, of ``tokens`` tokens, with its scores before the update.

        ``weights`` make the loss from the rows' losses, as they were in this step.
        """
        self._step += 1
        self._weights = weights
        self._tokens += tokens
        self._scores = self._scores * _KEPT + scores
        if self._live is not None:
            self._live.update(self._bar())
        elif time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + _LINE_SECONDS
            tell(self._line())

    def _bar(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_row(ProgressBar(self._steps, self._step, width=40), Text(self._pace()))
        return _stacked(table, Text(self._marks(), style="dim"))

    def _line(self) -> str:
        return f"{self._pace()} · {self._marks()}"

    def _pace(self) -> str:
        seconds = max(time.monotonic() - self._begun, 1e-9)
        left = seconds / max(self._step - self._first, 1) * (self._steps - self._step)
        return (
            f"step {self._step}/{self._steps} · {self._tokens / seconds:.0f} tok/s · "
            f"{left // 60:.0f}:{left % 60:02.0f} left"
        )

    def _marks(self) -> str:
        return (
            f"loss {self._scores.total(self._weights):.3f} · "
            f"top-1 {_percent(self._scores.accuracy(1))} · "
            f"top-5 {_percent(self._scores.accuracy(5))} %"
        )


def results_table(scores: HeadScores, examples: int, *, with_base: bool = False) -> Table:
    """Return the table of what each head achieved on the ``examples`` held out.

    ``with_base`` says that the first row is the base's own next token.
    """
    table = Table(title=f"On {examples} held-out examples, never trained on", title_justify="left")
    for name in ("head", "guesses", "loss", "top-1", "top-5", "tokens"):
        table.add_column(name, justify="right")
    for row, (loss, first, fifth) in enumerate(
        zip(scores.mean_losses, scores.accuracy(1), scores.accuracy(5), strict=True)
    ):
        head = row if with_base else row + 1
        table.add_row(
            str(head) if head else "base",
            # The base's own output is the token t + 1.
            f"t + {head + 1}",
            f"{loss:.3f}",
            f"{first:.1%}",
            f"{fifth:.1%}",
            f"{scores.guesses[row]:,.0f}",
        )
    return table


def _percent(shares: list[float]) -> str:
    return " ".join("–" if math.isnan(share) else f"{share * 100:.0f}" for share in shares)


def _stacked(*rows: Table | Text) -> Table:
    table = Table.grid()
    for row in rows:
        table.add_row(row)
    return table
