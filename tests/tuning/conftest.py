from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import HEADS, Call, Outcome, calling


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return where the program keeps what is its own."""
    return tmp_path / "home"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Call:
    """Run the command line in this process."""
    return calling(capsys, monkeypatch, home)


@pytest.fixture(autouse=True)
def brief_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time no longer than the rounds that were asked for."""
    monkeypatch.setattr("medusa_chat.tuning.measurement._SECONDS", 0.0001)


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    """Return a file of three prompts of two kinds."""
    file = tmp_path / "prompts.jsonl"
    lines = [
        {"id": "a", "category": "list", "prompt": "def close(self):"},
        {"id": "b", "category": "list", "prompt": "def open(self):"},
        {"id": "c", "category": "code", "prompt": "for one in two:"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return str(file)


@pytest.fixture
def tune(call: Call, prompts: str) -> Call:
    """Run ``medusa-chat tune`` with the golden model, as little of it as there can be."""

    def tune(*arguments: str) -> Outcome:
        model = () if "--model" in arguments else ("--model", HEADS)
        options = ("--rounds", "1", "--max-new-tokens", "16")
        source = () if "--prompts" in arguments else ("--prompts", prompts)
        return call("tune", *model, *options, *source, *arguments)

    return tune
