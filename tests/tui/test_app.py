"""The application around the chat: how it starts, and how it ends in every case."""

from __future__ import annotations

import logging
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import medusa_chat
from medusa_chat.errors import UsageError
from medusa_chat.log import start_log
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import CrashError, run_chat

from .driving import chat
from .scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

# The chat in a terminal, with an engine process that notes its end in a file.
PROGRAM = """
import sys
from medusa_chat.engine import process
from medusa_chat.log import start_log
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import CrashError, run_chat
from medusa_chat.tui.screens.chat import ChatScreen
process.EngineProcess.__init__.__kwdefaults__["command"] = (sys.executable, "-c", sys.argv[1])
def fail(screen):
    raise ZeroDivisionError("of all things")
ChatScreen.action_toggle_marks = fail
sys.exit(run_chat(ModelSettings(), DecodeSettings()))
"""

ENGINE = """
import json, sys
print(json.dumps({{"type": "Loading", "stage": "tuning the lyre"}}), flush=True)
sys.stdin.read()
open({end!r}, "w").close()
"""


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True
        )
        os.close(slave)
        self.output = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # Linux tells the end of a terminal by an error.
        try:
            while chunk := os.read(self._master, 65536):
                self.output += chunk
        except OSError:
            return

    def wait_for(self, text: str) -> None:
        for _ in range(1000):
            if text.encode() in self.output:
                return
            time.sleep(0.02)
        raise AssertionError(f"{text!r} never came:\n{self.output.decode(errors='replace')}")

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)


@contextmanager
def terminal(home: Path, end: Path) -> Iterator[Terminal]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(medusa_chat.__file__).parent.parent),
        "MEDUSA_CHAT_HOME": str(home),
        "TERM": "xterm-256color",
        "COLUMNS": "100",
        "LINES": "30",
    }
    command = [sys.executable, "-c", PROGRAM, ENGINE.format(end=str(end))]
    running = Terminal(command, environment)
    try:
        yield running
    finally:
        running.close()


def wait_for_file(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_the_first_frame_needs_neither_model_nor_hub() -> None:
    script = """
import asyncio, sys
from medusa_chat.log import start_log
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tui.app import ChatApp
async def main():
    app = ChatApp(ModelSettings(), DecodeSettings())
    app._chat._run_engine = lambda: None
    async with app.run_test() as pilot:
        await pilot.pause()
heavy = {"torch", "transformers", "huggingface_hub", "tokenizers", "numpy", "safetensors"}
asyncio.run(main())
print(sorted(heavy & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(medusa_chat.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[]\n"


def test_control_q_leaves_the_terminal_and_no_engine(home: Path, tmp_path: Path) -> None:
    end = tmp_path / "end"
    with terminal(home, end) as running:
        running.wait_for("tuning")
        running.press(b"\x11")
        assert running.process.wait(10) == 0
        wait_for_file(end)
        running.wait_for("\x1b[?1049l")


def test_an_error_that_nobody_expected_leaves_one_line_and_no_engine(
    home: Path, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    with terminal(home, end) as running:
        running.wait_for("tuning")
        running.press(b"\x1bOR")
        assert running.process.wait(10) == 1
        running.wait_for("medusa-chat failed (ZeroDivisionError). Details are in")
        assert b"Traceback" not in running.output
        wait_for_file(end)
    log = (home / "medusa-chat.log").read_text()
    assert "Traceback" in log
    assert "of all things" in log


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_engine_ends_when_the_interface_is_killed(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    end = tmp_path / "end"
    with terminal(home, end) as running:
        running.wait_for("tuning")
        running.press(b"my last words\r")
        running.wait_for("waiting for the model")
        running.process.send_signal(number)
        running.process.wait(10)
        wait_for_file(end)


def test_the_chat_needs_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UsageError, match="needs a terminal"):
            run_chat(ModelSettings(), DecodeSettings())


async def test_an_error_that_nobody_expected_is_logged_and_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log_file = tmp_path / "the.log"

    def fail() -> None:
        raise ZeroDivisionError("of all things")

    engine = ScriptedEngine()

    async def export() -> None:
        async with chat(engine, log_file=log_file) as c:
            await c.until_shown("Medusa on")
            monkeypatch.setattr(c.screen, "action_export", fail)
            await c.pilot.press("ctrl+s")
            await c.until(lambda: c.app.return_code == 1)

    # The end of the application is what a person sees; a test is given the error itself.
    with pytest.raises(CrashError, match=r"medusa-chat failed \(ZeroDivisionError\).*the\.log"):
        await export()
    assert engine.closed
    assert "of all things" in caplog.text


@pytest.fixture
def root_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    yield root
    for handler in root.handlers:
        handler.close()


def test_the_log_takes_what_is_logged(home: Path, root_logger: logging.Logger) -> None:
    path = start_log()
    logging.getLogger("anything").info("hello %s", "log")
    assert path == home / "medusa-chat.log"
    assert "INFO anything: hello log" in path.read_text()


def test_a_log_that_grew_long_is_moved_aside(
    home: Path, root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa_chat.log._MOST_BYTES", 3)
    (home / "medusa-chat.log").write_text("long ago")
    path = start_log()
    assert path is not None
    assert path.read_text() == ""
    assert (home / "medusa-chat.old.log").read_text() == "long ago"


def test_without_a_log_the_chat_goes_on(home: Path, root_logger: logging.Logger) -> None:
    (home / "medusa-chat.log").mkdir()
    assert start_log() is None
    logging.getLogger("anything").error("goes nowhere")


def test_asked_to_end_it_leaves_the_terminal_as_it_was(home: Path, tmp_path: Path) -> None:
    end = tmp_path / "end"
    with terminal(home, end) as running:
        running.wait_for("tuning")
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("\x1b[?1049l")  # back from the alternate screen
        running.process.wait(10)
        wait_for_file(end)
