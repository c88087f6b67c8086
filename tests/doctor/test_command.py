"""The command: what it prints, and its exit status."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Call, calling, environment, finish, start

from medusa_chat import __version__
from medusa_chat.doctor import command, inquiry
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.inquiry import NoAnswer

OK = Finding("Python", "ok", "3.12")
WARNING = Finding("Hub", "warning", "cannot be reached", "Check the network.")
BROKEN = Finding("data folder", "broken", "cannot be written", "Set MEDUSA_CHAT_HOME.")


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    return calling(capsys, monkeypatch, tmp_path)


def finding(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[bool]:
    """Let these be found; return what was asked for, ``offline`` of each time."""
    asked: list[bool] = []

    def run_checks(offline: bool) -> Iterator[Finding]:
        asked.append(offline)
        return iter(findings)

    monkeypatch.setattr(command, "run_checks", run_checks)
    return asked


def test_a_pipe_gets_a_line_each(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = finding(monkeypatch, OK, WARNING)
    outcome = call("doctor", "--offline")
    assert outcome.status == 0
    assert outcome.out == (
        "ok\tPython\t3.12\t\nwarning\tHub\tcannot be reached\tCheck the network.\n"
    )
    assert outcome.err == "Nothing needed is broken; 1 warning.\n"
    assert asked == [True]


class Terminal(io.StringIO):
    """Takes what is printed, as a terminal would."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, OK, WARNING)
    monkeypatch.setenv("COLUMNS", "40")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert command.run(as_json=False, offline=True) == 0
    # Too narrow for columns: the terminal wraps the lines.
    assert screen.getvalue().splitlines()[2].strip() == "→ Check the network."
    assert screen.getvalue().endswith("\n\nNothing needed is broken; 1 warning.\n")


def test_something_broken_is_status_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = finding(monkeypatch, OK, BROKEN)
    outcome = call("doctor")
    assert outcome.status == 1
    assert outcome.err == "Broken: data folder.\n"
    assert asked == [False]


@pytest.mark.parametrize("findings", [(OK, WARNING), (OK, BROKEN)])
def test_json(findings: tuple[Finding, ...], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, *findings)
    outcome = call("doctor", "--json")
    (record,) = outcome.records
    broken = BROKEN in findings
    assert outcome.status == int(broken)
    assert outcome.err == ""
    assert record == {
        "version": __version__,
        "broken": broken,
        "findings": [
            {"name": one.name, "status": one.status, "value": one.value, "remedy": one.remedy}
            for one in findings
        ],
    }


def test_a_wrong_option(call: Call) -> None:
    assert "--net" in call("doctor", "--net").said(2)


def test_for_real(tmp_path: Path) -> None:
    outcome = finish(
        start("doctor", "--offline", "--json", env=environment(MEDUSA_CHAT_HOME=str(tmp_path)))
    )
    found = {one["name"]: one for one in outcome.record["findings"]}
    # A warning if this machine is very busy.
    assert found["built-in model"]["status"] in ("ok", "warning"), found["built-in model"]
    assert "16 tokens in " in found["built-in model"]["value"]
    assert found["torch works"]["status"] == "ok"
    assert found["data folder"]["value"] == str(tmp_path)
    assert not outcome.record["broken"]


def test_without_a_folder_to_write(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path / "file/home"))
    monkeypatch.setattr(inquiry, "ask", lambda *_: NoAnswer("ended by SIGILL"))
    outcome = call("doctor", "--offline")
    assert outcome.status == 1
    assert "broken\tdata folder\t" in outcome.out
    assert outcome.err == "Broken: data folder, torch works, built-in model.\n"
