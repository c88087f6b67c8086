"""The gauges beside the transcript, and the one line that stands for them on a narrow terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from medusa_chat.decoding.stats import Figures

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from medusa_chat.tui.meter import Readings

WIDTH = 26
"""Columns of the gauges' text; the style sheet adds their margins."""

DASH = "—"
HISTOGRAM_ROWS = 5
_REASON_ROWS = 4

_BARS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_VALUE = "bold $foreground"
_CURVE = "$primary"
_BAR = "$success"
_MODES = {"medusa": "Medusa", "plain": "plain"}

Part = tuple[str, str]


def panel(readings: Readings) -> Content:
    """Return the gauges as text of ``WIDTH`` columns."""
    figures = readings.figures or Figures()
    rows: list[list[Part]] = [
        _row("Speed", _speed(figures)),
        _row("First token", _first_token(figures)),
        _row("Speed-up", DASH if readings.speed_up is None else f"{readings.speed_up:.2f}×"),
    ]
    if readings.speed_up is None:
        hint = ("  send a reply with Medusa", "  off and one with it on")
        rows += [[(words, "")] for words in hint]
    rows += [
        [],
        _row("Accepted/step", _accepted(figures)),
        [(_sparkline(readings.recent_bursts), _CURVE)],
        *_histogram(figures.accepted_counts),
        [],
        _row("Context", _context(readings)),
        _context_bar(readings),
        [],
        _row("Mode", _MODES[readings.mode] if readings.mode else DASH),
        _row("Tree", figures.tree_words(readings.tree) if readings.tree else DASH),
        _row("Seed", DASH if readings.seed is None else str(readings.seed)),
        *_launches(readings.launches),
    ]
    return Content("\n").join(Content.assemble(*row) for row in rows)


def line(readings: Readings) -> Content:
    """Return the most telling gauges in one line."""
    figures = readings.figures or Figures()
    parts = (
        _speed(figures),
        f"{_accepted(figures)} accepted/step",
        f"context {_context(readings)}",
    )
    return Content(" · ".join(parts))


def _launches(words: str | None) -> list[list[Part]]:
    """Return how steps are run, and below it why not faster."""
    if words is None:
        return []
    how, _, reason = words.partition(": ")
    lines = textwrap.wrap(reason, WIDTH - 2, max_lines=_REASON_ROWS, placeholder="…")
    return [_row("Steps", how), *([(f"  {line}", "")] for line in lines)]


def _row(label: str, value: str) -> list[Part]:
    room = WIDTH - len(label) - 1
    if len(value) > room:
        value = value[: room - 1] + "…"
    return [(label, ""), (value.rjust(WIDTH - len(label)), _VALUE if value != DASH else "")]


def _speed(figures: Figures) -> str:
    speed = figures.tokens_per_second
    return DASH if speed is None else f"{speed:.0f} tok/s"


def _first_token(figures: Figures) -> str:
    seconds = figures.first_token_seconds
    return DASH if seconds is None else f"{seconds * 1000:.0f} ms"


def _accepted(figures: Figures) -> str:
    return DASH if figures.accepted_per_step is None else f"{figures.accepted_per_step:.2f}"


def _context(readings: Readings) -> str:
    if readings.context_limit is None:
        return DASH
    used = readings.figures.context_tokens if readings.figures else 0
    return f"{used} of {readings.context_limit}"


def _context_bar(readings: Readings) -> list[Part]:
    filled = ""
    if readings.context_limit is not None and readings.figures is not None:
        filled = _bar(readings.figures.context_tokens, readings.context_limit, WIDTH)
    return [(filled, _CURVE), ("·" * (WIDTH - len(filled)), "")]


def _sparkline(bursts: tuple[int, ...]) -> str:
    """Draw a column a burst, the newest at the right: one token is the lowest of eight heights."""
    return "".join(_BARS[min(tokens, len(_BARS)) - 1] if tokens else " " for tokens in bursts)[
        -WIDTH:
    ].rjust(WIDTH)


def _histogram(counts: tuple[int, ...]) -> list[list[Part]]:
    """Draw a bar for each burst length; the last row gathers all longer ones."""
    bins = [*counts[: HISTOGRAM_ROWS - 1], sum(counts[HISTOGRAM_ROWS - 1 :])]
    bins = [*counts, *[0] * HISTOGRAM_ROWS][: HISTOGRAM_ROWS - 1] + bins[-1:]
    rows: list[list[Part]] = []
    for length, count in enumerate(bins, 1):
        name = f"{length}+" if length == HISTOGRAM_ROWS else f"{length} "
        number = str(count) if any(counts) else DASH
        room = WIDTH - len(name) - 7
        filled = _bar(count, max(*bins, 1), room)
        rows.append(
            [
                (name + " ", ""),
                (filled.ljust(room), _BAR),
                (number.rjust(WIDTH - len(name) - 1 - room), ""),
            ]
        )
    return rows


def _bar(value: int, full: int, width: int) -> str:
    """Draw a bar of at most ``width`` columns, to an eighth of one."""
    eighths = min(round(value * width * 8 / full), width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


class Gauges(VerticalScroll, can_focus=False):
    """The panel of gauges."""

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield Static(id="gauges-text")

    def show(self, readings: Readings) -> None:
        """Draw these readings."""
        self.query_one("#gauges-text", Static).update(panel(readings))


class GaugeLine(Static):
    """The gauges in one line."""

    def show(self, readings: Readings) -> None:
        """Draw these readings."""
        self.update(line(readings))
