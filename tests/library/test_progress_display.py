from __future__ import annotations

import io

import pytest
from rich.console import Console

from medusa_chat.library import progress_display
from medusa_chat.library.progress_display import ProgressDisplay
from medusa_chat.models.hub.progress import FileProgress, Progress, State

MB = 10**6


def download(
    done: int, state: State = "downloading", message: str = "", model: str = "a/b"
) -> Progress:
    files = (
        FileProgress("a/b", "config.json", 700, 700),
        FileProgress("a/b", "model.safetensors", 100 * MB, done),
    )
    return Progress(model, state, files, 10e6, message)


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def shown(written: io.StringIO, *downloads: Progress, terminal: bool = True) -> str:
    console = Console(file=written, force_terminal=terminal, width=100, highlight=False)
    with ProgressDisplay(console) as display:
        for one in downloads:
            display.show([one])
    return written.getvalue()


def test_bars_of_the_files_and_of_the_whole(written: io.StringIO) -> None:
    text = shown(written, download(50 * MB))
    assert "model.safetensors" in text
    assert "config.json" not in text  # too small to be watched
    assert "50% of 100 MB" in text
    assert "10.0 MB/s" in text
    assert "5 s left" in text


def test_file_that_is_here_has_no_bar(written: io.StringIO) -> None:
    text = shown(written, download(100 * MB, "done"))
    assert "model.safetensors" not in text
    assert "100% of 100 MB  done" in text


def test_why_it_waits_is_shown(written: io.StringIO) -> None:
    text = shown(written, download(MB, "retrying", "The connection was cut: again in 4 s."))
    assert "retrying" in text
    assert "again in 4 s." in text


def test_markup_in_names_is_text(written: io.StringIO) -> None:
    assert "[red]x[/red]" in shown(written, download(MB, model="[red]x[/red]"))


def test_lines_in_a_pipe_come_now_and_then(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(written, download(MB), download(2 * MB), terminal=False) == ""
    monkeypatch.setattr(progress_display, "_LINE_SECONDS", 0.0)
    text = shown(written, download(MB), download(2 * MB), terminal=False)
    assert text.splitlines() == [
        "Downloading a/b: 1.00 MB of 100 MB, 10.0 MB/s, 10 s left",
        "Downloading a/b: 2.00 MB of 100 MB, 10.0 MB/s, 10 s left",
    ]


def test_trouble_is_said_at_once_and_once(written: io.StringIO) -> None:
    trouble = download(MB, "retrying", "The connection was cut: again in 4 s.")
    text = shown(written, trouble, trouble, download(MB), terminal=False)
    assert text.count("again in 4 s.") == 1


def test_no_escape_sequence_reaches_a_pipe(written: io.StringIO) -> None:
    trouble = download(MB, "retrying", "cut\x1b[2J", model="a\x1b]0;x\x07")
    assert "\x1b" not in shown(written, trouble, terminal=False)
