"""Downloads on stderr: bars for each file and the whole on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from medusa_chat.library.fetching import in_words
from medusa_chat.models.hub.progress import Progress as Download
from medusa_chat.printable import printable
from medusa_chat.quantities import duration, percent, rate, size

_LINE_SECONDS = 10.0
_SHOWN_FILE_BYTES = 5_000_000
"""Smaller files are there before a bar could be read."""


class ProgressDisplay:
    """Shows downloads while its block runs."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._bars: Progress | None = None
        self._tasks: dict[tuple[str, ...], TaskID] = {}
        self._line_at = time.monotonic() + _LINE_SECONDS
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[words]}", markup=False),
                console=self._console,
                transient=True,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, downloads: Sequence[Download]) -> None:
        """Show how far all of them are now."""
        if self._bars is not None:
            for download in downloads:
                self._draw(self._bars, download)
            return
        is_time = time.monotonic() >= self._line_at
        if is_time:
            self._line_at = time.monotonic() + _LINE_SECONDS
        for download in downloads:
            # What it waits for is said at once, and once.
            news = download.message if download.state == "retrying" else ""
            is_news = bool(news) and self._told.get(download.model) != news
            if (is_time and download.state != "done") or is_news:
                self._told[download.model] = news
                self._console.print(printable(in_words(download)), markup=False, soft_wrap=True)

    def _draw(self, bars: Progress, download: Download) -> None:
        for file in download.files:
            if file.total_bytes >= _SHOWN_FILE_BYTES:
                name = f"  {file.name}"
                words = size(file.total_bytes)
                is_over = file.done_bytes >= file.total_bytes
                key = (download.model, file.repository, file.name)
                self._bar(bars, key, name, file.done_bytes, file.total_bytes, words, not is_over)
        done, total = download.done_bytes, download.total_bytes
        words = f"{percent(done, total)} of {size(total)}  {rate(download.bytes_per_second)}"
        if download.seconds_left is not None and download.state == "downloading":
            words += f"  {duration(download.seconds_left)} left"
        elif download.state != "downloading":
            words = f"{percent(done, total)} of {size(total)}  {download.state}"
        if download.message:
            words += f"  {download.message}"
        self._bar(bars, (download.model,), download.model, done, total, words, True)

    def _bar(
        self,
        bars: Progress,
        key: tuple[str, ...],
        name: str,
        done: int,
        total: int,
        words: str,
        visible: bool,
    ) -> None:
        name, words = printable(name), printable(words)
        if key not in self._tasks:
            self._tasks[key] = bars.add_task(name, total=total, words=words, visible=visible)
        bars.update(self._tasks[key], completed=done, words=words, visible=visible)
