"""The line that is rewritten on a terminal, and that pipes never see."""

from __future__ import annotations

import io
import sys

import pytest

from medusa_chat.status_line import StatusLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let stderr be a terminal of 20 columns; by the test itself, since pytest takes it back."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "20")
    return terminal


def test_last_stage_replaces_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with StatusLine() as line:
        line.show("Reading")
        line.show("Loading", 0.426)
    assert terminal.getvalue() == "\rReading\x1b[K\rLoading 42%\x1b[K\r\x1b[K"


def test_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    StatusLine().show("Loading the weights of a model", 0.5)
    assert terminal.getvalue() == "\rLoading the wei 50%\x1b[K"


def test_names_do_not_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    StatusLine().show("a\x1b[2Jb\n")
    assert terminal.getvalue() == "\ra[2Jb\x1b[K"


def test_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with StatusLine() as line:
        line.show("Reading")
        assert not line.is_rewritten
    assert pipe.getvalue() == ""
