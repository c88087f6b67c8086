"""All checks together, the slow ones faked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa_chat.doctor import inquiry, machine, terminal
from medusa_chat.doctor.checks import run_checks
from medusa_chat.doctor.facts import BuiltinFacts, Probe, QuantisationFacts, TorchFacts
from medusa_chat.doctor.finding import Finding

ANSWERS: dict[Probe, object] = {
    "torch": TorchFacts("2.13.0", None, None, 2, (), ""),
    "bitsandbytes": QuantisationFacts("cpu", {"8bit": "", "4bit": ""}),
    "builtin": BuiltinFacts("cpu", 1.0, 16, 8, 0.03, None),
}


@pytest.fixture(autouse=True)
def probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer for the probes; return which were asked."""
    asked: list[str] = []

    def ask(facts: type[inquiry.Facts], _stop: threading.Event | None) -> object:
        asked.append(str(facts.probe))
        return ANSWERS[facts.probe]  # type: ignore[index]

    monkeypatch.setattr(inquiry, "ask", ask)
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return asked


def test_everything_is_looked_at_once(probes: list[str]) -> None:
    findings = list(run_checks(offline=True))
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert set(names) >= {
        "Python", "medusa-chat", "torch", "transformers", "textual", "huggingface-hub",
        "accelerate", "safetensors", "tokenizers", "sentencepiece", "protobuf",
        "torch works", "NVIDIA driver", "GPU", "8-bit models", "4-bit models",
        "memory", "swap", "disk, chats", "disk, models", "package", "data folder", "log folder",
        "models folder", "conversations", "known models", "Hub", "Hub token",
        "terminal", "colours", "encoding", "clipboard", "built-in files", "built-in model",
    }  # fmt: skip
    assert probes == ["torch", "bitsandbytes", "builtin"]
    for finding in findings:
        assert finding.value, finding
        if finding.status in ("warning", "broken"):
            assert finding.remedy, finding


def test_findings_come_as_they_are_known(probes: list[str]) -> None:
    findings = run_checks(offline=True)
    assert next(findings).name == "Python"
    assert probes == []


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[Finding]:
        yield Finding("memory", "ok", "some")
        raise RuntimeError("the \x1b[1mkernel is odd")

    monkeypatch.setattr(machine, "memory", fail)
    findings = list(run_checks(offline=True))
    failed = next(finding for finding in findings if "kernel" in finding.value)
    assert (failed.name, failed.status) == ("memory", "warning")
    assert failed.value == "could not be looked at (RuntimeError: the [1mkernel is odd)"
    assert findings[-1].name == "built-in model"


def test_a_library_that_cannot_be_imported_spoils_its_checks_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    findings = {finding.name: finding for finding in run_checks(offline=True)}
    for name in ("models folder", "Hub"):
        assert findings[name].status == "warning"
        assert "huggingface_hub" in findings[name].value
        assert findings[name].remedy.startswith("Install medusa-chat again")
    assert findings["conversations"].status == "ok"
    assert findings["built-in model"].status == "ok"


def test_what_the_environment_says_is_made_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [Finding("terminal", "ok", "TERM is \x1b[31mred")]
    monkeypatch.setattr(terminal, "look", lambda: said)
    findings = {finding.name: finding for finding in run_checks(offline=True)}
    assert findings["terminal"].value == "TERM is [31mred"


def test_it_can_be_stopped(probes: list[str]) -> None:
    stop = threading.Event()
    findings = run_checks(offline=True, stop=stop)
    next(findings)
    stop.set()
    assert list(findings) == []
    assert probes == []
