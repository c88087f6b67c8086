"""Tables of figures: drawn on a terminal, plain columns in a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from medusa_chat.printable import printable

DASH = "—"
_TEXT_COLUMNS = {"mode", "model", "tree", "category", "part", "how", "target", "verdict"}
"""Aligned to the left; figures stand to the right."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a title; ``notes`` stand below, a line each."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def show(tables: Sequence[Table], stream: IO[str]) -> None:
    """Write ``tables`` to ``stream``, in colour where that is a terminal.

    What ``stream`` has no characters for, here and afterwards, it gets as question marks.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    for table in tables:
        if stream.isatty():
            _draw(table, stream)
        else:
            stream.write("\n".join(map(printable, lines(table))) + "\n\n")
    stream.flush()


def lines(table: Table) -> list[str]:
    """Return a table as lines of equal columns."""
    rows = [table.columns, *table.rows] if table.rows else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = [column in _TEXT_COLUMNS for column in table.columns]
    aligned = [
        "  ".join(
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]
    return [table.title, *aligned, *table.notes]


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Return a figure with so many digits behind the point; a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}{unit}"


def milliseconds(seconds: float | None) -> str:
    """Return a time in milliseconds, three digits of it."""
    if seconds is None:
        return DASH
    value = seconds * 1000
    return (
        f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    )


def _draw(table: Table, stream: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=stream)
    shown = RichTable(title=Text(table.title, style="bold"), title_justify="left", box=None)
    shown.header_style = "bold"
    shown.padding = (0, 2, 0, 0)
    for name in table.columns:
        left = name in _TEXT_COLUMNS
        # Where it is too wide, words are folded and never figures.
        shown.add_column(
            name, justify="left" if left else "right", overflow="fold", no_wrap=not left
        )
    for row in table.rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console.print(shown if table.rows else Text(table.title, style="bold"))
    for note in table.notes:
        console.print(Text(printable(note)))
    console.print()
