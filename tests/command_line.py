"""The command line as a test calls it: in this process, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from golden_data import GOLDEN

from medusa_chat.cli import main

REPOSITORY = Path(__file__).resolve().parents[1]
HEADS = str(GOLDEN / "medusa/models/tiny-llama-heads-v01")
"""A model with four heads, quick to load."""
COMMAND = (sys.executable, "-m", "medusa_chat.cli")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The objects that ``--json`` printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """The only one."""
        assert self.status == 0, self.err
        (record,) = self.records
        return record

    def said(self, status: int) -> str:
        """Return the message of a command that failed with ``status``, after checking its form."""
        assert self.status == status, self.err
        assert 1 <= len(self.err.strip().splitlines()) <= 2, self.err
        assert "Traceback" not in self.err
        assert "unexpected" not in self.err
        assert self.err.startswith("medusa-chat")
        return self.err


Call = Callable[..., Outcome]


def calling(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> Call:
    """Return a function that runs the command line in this process, ``stdin`` being bytes."""
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(home))

    def call(*arguments: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            status = main(arguments)
        except SystemExit as exit_:  # argparse's way
            status = int(exit_.code or 0)
        finally:
            signal.signal(signal.SIGINT, on_interrupt)
        return Outcome(status, *capsys.readouterr())

    return call


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment, where the package is found from any folder."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}


def start(
    *arguments: str, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own, with pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [*COMMAND, *arguments], env=env or environment(), **{**pipes, **options}
    )


def finish(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Outcome:
    """Wait for a started command to end."""
    out, err = process.communicate(stdin, timeout=60)
    return Outcome(process.returncode, (out or b"").decode(), (err or b"").decode())
