"""Asks a probe in a process of its own, where a library may crash, hang or print what it likes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from medusa_chat import thread_waiting
from medusa_chat.doctor.facts import Probe

COMMAND = (sys.executable, "-m", "medusa_chat.doctor.probe")
PATIENCE_SECONDS = 120.0
"""A cold disk and a busy machine together can take most of it."""

_POLL_SECONDS = 0.2
_ENVIRONMENT = {
    # As the engine has them: what is found out here should hold there.
    **thread_waiting.ENVIRONMENT,
    "TOKENIZERS_PARALLELISM": "false",
    # The only check that may use the network is that of the Hub.
    "HF_HUB_OFFLINE": "1",
    "PYTHONIOENCODING": "utf-8",
}


class Facts(Protocol):
    """What a probe answers."""

    @property
    def probe(self) -> Probe:
        """The probe that is asked for it."""
        ...

    @classmethod
    def read(cls, record: dict[str, Any]) -> Self:
        """Return the facts of a probe's answer."""
        ...


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A probe did not answer; ``reason`` says in a few words what became of it."""

    reason: str


F = TypeVar("F", bound=Facts)


def ask(
    facts: type[F],
    stop: threading.Event | None = None,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
) -> F | NoAnswer:
    """Return what the probe of ``facts`` tells, or why it tells nothing. Ends it on ``stop``."""
    try:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [*COMMAND, str(facts.probe)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
        )
    except OSError as error:
        return NoAnswer(f"no process could be started ({error})")
    try:
        output = _wait(process, stop, time.monotonic() + patience_seconds)
    finally:
        # Ctrl+C ends the doctor, and nothing of it may stay behind.
        if process.poll() is None:
            process.kill()
            process.communicate()
    if output is None:
        return NoAnswer(f"no answer within {patience_seconds:.0f} s")
    out, err = output
    try:
        record = json.loads(out)
        if process.returncode == 0:
            return NoAnswer(record["error"]) if "error" in record else facts.read(record)
    except (ValueError, TypeError, KeyError):
        pass
    return NoAnswer(_ending(process.returncode, err.decode("utf-8", "replace")))


def _wait(
    process: subprocess.Popen[bytes], stop: threading.Event | None, until: float
) -> tuple[bytes, bytes] | None:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_POLL_SECONDS)
        if time.monotonic() > until or (stop is not None and stop.is_set()):
            return None


def _ending(status: int, said: str) -> str:
    if status < 0:
        known = -status in {item.value for item in signal.Signals}
        how = f"ended by {signal.Signals(-status).name if known else f'signal {-status}'}"
    else:
        how = f"ended with exit status {status}, without an answer"
    last = (said.strip().splitlines() or [""])[-1][:200]
    return f"{how}: {last}" if last else how
