from __future__ import annotations

from pathlib import Path

import pytest
from command_line import HEADS, Call, Outcome, calling

from medusa_chat.benchmark.suite_options import SUITES_OF


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
    """Run ``medusa-chat bench`` with the golden model, once, few tokens: what the suite takes."""
    least = {"repeat": ("--repeat", "1"), "max_new_tokens": ("--max-new-tokens", "8")}

    def bench(*arguments: str) -> Outcome:
        suite = arguments[arguments.index("--suite") + 1] if "--suite" in arguments else "chat"
        options = [word for name in least if suite in SUITES_OF[name] for word in least[name]]
        return call("bench", "--model", HEADS, *options, *arguments)

    return bench
