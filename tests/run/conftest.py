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


@pytest.fixture
def run(call: Call) -> Call:
    """Run ``medusa-chat run`` with the golden model, greedily unless told otherwise."""

    def run(*arguments: str, stdin: bytes = b"") -> Outcome:
        return call("run", "--model", HEADS, "--temperature", "0", *arguments, stdin=stdin)

    return run
