"""The engine in a process of its own, as the interface talks to it: requests out, events in.

Nothing here blocks the event loop. Closing the engine's standard input is what ends it, so that it
ends too when the interface is killed and the system closes that pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from medusa_chat import thread_waiting
from medusa_chat.engine.error_output import ErrorOutput
from medusa_chat.engine.protocol import (
    Cancel,
    Event,
    Generate,
    Load,
    Request,
    Steps,
    decode,
    encode,
)
from medusa_chat.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

_LOG = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "medusa_chat.engine")

# The longest line that is read: far more than any event, which carries the text of one moment.
_LINE_BYTES = 64 * 2**20

# How long an engine that said its last word may take to leave, a GPU's memory to be freed included.
_EXIT_SECONDS = 10.0

# How long what it has printed is waited for then: something that it started may go on printing.
_LAST_WORDS_SECONDS = 1.0

# How long the end of its pipes is waited for behind its own: the same may hold them open.
_PIPES_SECONDS = 0.5

# How many lines that are no events are written down, and after how many the screen has its turn.
_NOTED_LINES = 20

_ENVIRONMENT = {
    **thread_waiting.ENVIRONMENT,
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # All it loads is here by now; a library that would fetch something, code above all, must not.
    "HF_HUB_OFFLINE": "1",
}


# signal.SIGKILL is not known to every system.
_SIGKILL = 9

_REMEDY = "Close other programs, or take a smaller model or fewer bits."


@dataclass(frozen=True, slots=True)
class Ended:
    """The engine is gone, and no more events come."""

    exit_status: int | None
    """As the system gave it, a signal's number negative; None when it never started."""
    detail: str = ""
    """Why it could not start."""
    lacked_memory: bool = False
    """Whether the last that it said was that memory ran out."""

    @property
    def may_have_lacked_memory(self) -> bool:
        """Whether memory ran out, or the system may have ended it for that."""
        return self.lacked_memory or self.exit_status == -_SIGKILL

    def __str__(self) -> str:
        if self.exit_status is None:
            return f"The engine could not be started: {self.detail}."
        if self.exit_status < 0:
            number = -self.exit_status
            known = number in {item.value for item in signal.Signals}
            name = signal.Signals(number).name if known else f"signal {number}"
            what = f"The engine was ended by {name}"
        else:
            what = f"The engine ended with exit status {self.exit_status}"
        if self.lacked_memory:
            return f"{what}: memory ran out. {_REMEDY}"
        if self.may_have_lacked_memory:
            return f"{what}, as the system does when memory runs out. {_REMEDY}"
        return f"{what}."


class Engine(Protocol):
    """What the interface needs of an engine, wherever that runs."""

    def events(self) -> AsyncIterator[Event | Ended]:
        """Start the engine and yield what it says; the last thing is always an Ended."""
        ...

    def send(self, request: Request) -> None:
        """Send a request, in order; what is sent before the start waits, after the end is lost."""
        ...

    async def close(self) -> None:
        """End the engine, whatever it is doing; nothing of it remains afterwards."""
        ...


class EngineProcess:
    """An engine process: the usual Engine."""

    def __init__(
        self,
        log_file: Path | None,
        *,
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] = os.environ,
        patience_seconds: float = 1.0,
    ) -> None:
        """Prepare a process whose standard error goes to the end of ``log_file``.

        ``patience_seconds`` is how long ``close`` waits for it to end by itself.
        """
        self._log_file = log_file
        self._command = command
        self._environment = {**environment, **_ENVIRONMENT}
        self._patience_seconds = patience_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._unsent: list[bytes] = []
        self._closed = False

    async def events(self) -> AsyncIterator[Event | Ended]:
        """Start the process and yield what it says; the last thing is always an Ended."""
        try:
            process = await self._start()
        except OSError as error:
            yield Ended(None, str(error))
            return
        assert process.stderr is not None
        printed = ErrorOutput(self._log_file)
        printing = asyncio.create_task(printed.take(process.stderr))
        try:
            strangers = itertools.count(1)
            while line := await self._read_line(process):
                try:
                    event = decode(line)
                except EngineError:
                    # A library printed something; the protocol goes on behind it.
                    await self._pass_over(line, next(strangers))
                    continue
                if not isinstance(event, Load | Generate | Cancel | Steps):
                    yield event
            # Its output is over, so it is ending: killed now, it would not say with which status.
            await self._end(process, _EXIT_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(printing, _LAST_WORDS_SECONDS)
        finally:
            printing.cancel()
        _LOG.info("the engine ended with status %s", process.returncode)
        yield Ended(process.returncode, lacked_memory=printed.tells_of_shortage)

    def send(self, request: Request) -> None:
        """Send a request, in order; what is sent before the start waits, after the end is lost."""
        line = encode(request)
        if self._process is None:
            self._unsent.append(line)
        else:
            self._write(self._process, line)

    async def close(self) -> None:
        """Close the process's input, give it a moment to end, then kill it."""
        self._closed = True
        if self._process is not None:
            await self._end(self._process, self._patience_seconds)

    @staticmethod
    async def _end(process: asyncio.subprocess.Process, patience_seconds: float) -> None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), patience_seconds)
        except TimeoutError:
            _LOG.warning("the engine did not end by itself and is killed")
            _kill(process)
            await process.wait()
        assert process.stderr is not None
        # The end of its pipes is heard of a moment later than its own.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PIPES_SECONDS):
                while not process.stderr.at_eof():
                    await asyncio.sleep(_PIPES_SECONDS / 50)

    @staticmethod
    async def _pass_over(line: bytes, number: int) -> None:
        if number <= _NOTED_LINES:
            _LOG.warning("not an event: %r", line[:200])
        elif number % _NOTED_LINES == 0:
            # Lines that are here already are read without waiting.
            await asyncio.sleep(0)

    @staticmethod
    async def _read_line(process: asyncio.subprocess.Process) -> bytes:
        assert process.stdout is not None
        while True:
            try:
                return await process.stdout.readline()
            except ValueError:
                # The reader has dropped what it held, and goes on behind it.
                _LOG.warning("the engine sent a line of more than %d bytes", _LINE_BYTES)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            limit=_LINE_BYTES,
            # Ctrl+C in the terminal is meant for the interface alone.
            start_new_session=True,
        )
        self._process = process
        if self._closed:
            # Closed while it was starting.
            await self.close()
        for line in self._unsent:
            self._write(process, line)
        return process

    @staticmethod
    def _write(process: asyncio.subprocess.Process, line: bytes) -> None:
        assert process.stdin is not None
        if process.returncode is None and not process.stdin.is_closing():
            process.stdin.write(line)


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the engine and what it may have started, which would hold its pipes open."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        # It leads a session, so its group has its number.
        os.killpg(process.pid, signal.SIGKILL)
