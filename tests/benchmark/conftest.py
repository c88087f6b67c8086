from __future__ import annotations

from pathlib import Path

import pytest
from command_line import HEADS, Call, Outcome, calling


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    """Run the command line in this process."""
    return calling(capsys, monkeypatch, tmp_path / "home")


@pytest.fixture(autouse=True)
def small_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy little memory, and try the variants of a peer over few tokens."""
    monkeypatch.setattr("medusa_chat.benchmark.bandwidth._CPU_BYTES", 2**20)
    monkeypatch.setattr("medusa_chat.benchmark.peers._TRIAL_TOKENS", 4)


@pytest.fixture
def bench(call: Call) -> Call:
    """Run ``medusa-chat bench`` with the golden model, once each prompt, few tokens."""

    def bench(*arguments: str) -> Outcome:
        options = ("--repeat", "1", "--max-new-tokens", "8")
        return call("bench", "--model", HEADS, *options, *arguments)

    return bench
