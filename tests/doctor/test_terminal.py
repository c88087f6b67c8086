"""What the environment tells of the terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from medusa_chat.doctor import terminal
from medusa_chat.doctor.finding import Finding

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


@pytest.fixture
def screen() -> Iterator[TextIO]:
    """Return the program's side of a terminal of 100 by 40."""
    ours, theirs = pty.openpty()
    resize(theirs, 100, 40)
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


def resize(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def look(environment: dict[str, str], stream: TextIO | None) -> dict[str, Finding]:
    return {finding.name: finding for finding in terminal.look(environment, stream)}


def test_a_good_terminal(screen: TextIO) -> None:
    findings = look(GOOD, screen)
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["terminal size"].value == "100 columns, 40 lines"
    assert findings["encoding"].value == "utf-8, LANG=C.UTF-8"


def test_too_small(screen: TextIO) -> None:
    resize(screen.fileno(), 59, 40)
    finding = look(GOOD, screen)["terminal size"]
    assert finding.status == "warning"
    assert "60 by 16" in finding.remedy
    resize(screen.fileno(), 60, 16)
    assert look(GOOD, screen)["terminal size"].status == "ok"


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_that_cannot_move_its_cursor(term: str, screen: TextIO) -> None:
    finding = look({**GOOD, "TERM": term}, screen)["terminal"]
    assert finding.status == "warning"
    assert "xterm-256color" in finding.remedy


def test_output_into_a_pipe_is_no_fault() -> None:
    for stream in (io.TextIOWrapper(io.BytesIO(), "utf-8"), None):
        findings = look({**GOOD, "TERM": "dumb"}, stream)
        assert findings["terminal"].status == "note"
        assert "terminal size" not in findings


@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        ({"COLORTERM": "24bit", "TERM": "xterm"}, "ok", "16 million"),
        ({"TERM": "foot-direct"}, "ok", "16 million"),
        ({"TERM": "xterm-256color"}, "ok", "256"),
        ({"TERM": "xterm"}, "note", "16 or fewer"),
        ({**GOOD, "NO_COLOR": "1"}, "note", "off"),
    ],
)
def test_colours(environment: dict[str, str], status: str, words: str) -> None:
    finding = look(environment, None)["colours"]
    assert finding.status == status
    assert finding.value.startswith(words)


def test_an_encoding_without_signs() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    finding = look({"LANG": "en_GB", "LC_ALL": "C"}, stream)["encoding"]
    assert finding.status == "warning"
    assert finding.value.startswith("ascii, LC_ALL=C")


@pytest.mark.parametrize(
    ("environment", "words", "remedy"),
    [
        ({"TMUX": "/tmp/tmux,1,0"}, "tmux", "set-clipboard"),
        ({"STY": "1.pts"}, "screen", "Shift"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "macOS", "Fn"),
        ({"VTE_VERSION": "7600"}, "VTE", "Shift"),
    ],
)
def test_where_copying_may_not_work(environment: dict[str, str], words: str, remedy: str) -> None:
    finding = look({**GOOD, **environment}, None)["clipboard"]
    assert finding.status == "note"
    assert words in finding.value
    assert remedy in finding.remedy


def test_where_it_runs(screen: TextIO) -> None:
    environment = {
        **GOOD,
        "TMUX": "x",
        "SSH_CONNECTION": "a b",
        "TERM_PROGRAM": "WezTerm",
        "TERM_PROGRAM_VERSION": "2024",
    }
    assert look(environment, screen)["terminal"].value == (
        "TERM is 'xterm-256color', WezTerm 2024, in tmux, over ssh"
    )
