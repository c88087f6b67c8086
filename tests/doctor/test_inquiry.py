"""A probe may do anything; who asks gets an answer, or a reason."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from medusa_chat.doctor import inquiry
from medusa_chat.doctor.facts import BuiltinFacts, DeviceFacts, TorchFacts
from medusa_chat.doctor.inquiry import NoAnswer, ask

FACTS = TorchFacts("2", "12.8", None, 4, (DeviceFacts(0, "X", "9.0", 2, 1, True, ""),), "")


def probe(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let this script stand in for the probes."""
    monkeypatch.setattr(inquiry, "COMMAND", (sys.executable, "-c", script))


def reason(monkeypatch: pytest.MonkeyPatch, script: str) -> str:
    probe(monkeypatch, script)
    answer = ask(TorchFacts)
    assert isinstance(answer, NoAnswer)
    return answer.reason


def test_an_answer_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    probe(
        monkeypatch,
        f"import sys; assert sys.argv[1] == 'torch'; print({json.dumps(asdict(FACTS))!r})",
    )
    assert ask(TorchFacts) == FACTS


def test_a_crash_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    words = reason(
        monkeypatch,
        "import os, signal, sys; print('a bad driver', file=sys.stderr, flush=True);"
        "os.kill(os.getpid(), signal.SIGSEGV)",
    )
    assert words == "ended by SIGSEGV: a bad driver"


def test_an_exit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(monkeypatch, "raise SystemExit('cannot go on')").endswith(
        "exit status 1, without an answer: cannot go on"
    )


@pytest.mark.parametrize("said", ["", "not JSON", "[]", "3", '{"version": 1}'])
def test_what_is_no_answer(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "without an answer" in reason(monkeypatch, f"print({said!r})")


def test_an_error_of_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    words = reason(monkeypatch, """print('{"error": "ImportError: libcuda.so.1"}')""")
    assert words == "ImportError: libcuda.so.1"


def test_it_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inquiry, "COMMAND", (str(tmp_path / "no-python"),))
    answer = ask(BuiltinFacts)
    assert isinstance(answer, NoAnswer)
    assert "no process" in answer.reason


HANGS = "import os, time; open({!r}, 'w').write(str(os.getpid())); time.sleep(60)"


def alive(pid_file: Path) -> bool:
    # It may have been ended before it wrote.
    pid = pid_file.read_text() if pid_file.exists() else ""
    return bool(pid) and Path(f"/proc/{pid}").exists()


def test_a_probe_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probe(monkeypatch, HANGS.format(str(tmp_path / "pid")))
    answer = ask(TorchFacts, patience_seconds=1.0)
    assert answer == NoAnswer("no answer within 1 s")
    assert not alive(tmp_path / "pid")


def test_it_can_be_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probe(monkeypatch, HANGS.format(str(tmp_path / "pid")))
    stop = threading.Event()
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(ask(TorchFacts, stop)))
    thread.start()
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        thread.join(0.02)
    stop.set()
    thread.join(20)
    assert isinstance(answers[0], NoAnswer)
    assert not alive(tmp_path / "pid")


def test_the_network_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert reason(
        monkeypatch,
        "import json, os; print(json.dumps({'error': os.environ['HF_HUB_OFFLINE']}))",
    ) == "1"  # fmt: skip
