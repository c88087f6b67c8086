"""What is said on stderr beside the output: lines that stay, and one that says what is going on.

That one is rewritten on a terminal, and not there in pipes. Standard library only.
"""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

from medusa_chat.printable import printable
from medusa_chat.quantities import percent


def tell(text: str) -> None:
    """Say something on stderr, safe to show."""
    print(printable(text), file=sys.stderr, flush=True)


class StatusLine:
    """Shows the last thing that it was told, while its block runs; afterwards the line is empty."""

    def __init__(self) -> None:
        self.is_rewritten = sys.stderr.isatty()
        """False in a pipe, where nothing is shown."""

    def show(self, stage: str, fraction: float | None = None) -> None:
        """Replace the line by ``stage`` and how much of it is done."""
        if not self.is_rewritten:
            return
        done = "" if fraction is None else f" {percent(fraction, 1)}"
        # Cut, since a line that wraps could not be taken back.
        room = shutil.get_terminal_size().columns - len(done) - 1
        self._write(" ".join(printable(stage).split())[:room] + done)

    def clear(self) -> None:
        """Empty the line, for something else to be written there."""
        if self.is_rewritten:
            self._write("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    @staticmethod
    def _write(line: str) -> None:
        # Back to the first column, then what is left of the old line is erased.
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()
