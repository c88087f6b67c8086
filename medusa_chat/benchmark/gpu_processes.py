"""The GPU suite in a process of its own, so that what one part breaks is lost to that part alone.

After an illegal access, or an assertion that failed on the device, CUDA answers nothing any more in
the process that it happened in; a crash or a product that never ends would take the rest along too.
The parts that are left then are measured in a new process.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from medusa_chat.benchmark.bandwidth import wait_for
from medusa_chat.benchmark.gpu_suite import GpuPlan, GpuSuite, PartResult
from medusa_chat.models.device import resolve_device
from medusa_chat.models.stages import Report

_LISTEN_SECONDS = 0.2
_SILENT_SECONDS = 200.0
"""For which nothing may come: a model is made, or transformers' compiled, without a word."""

_GRACE_SECONDS = 25.0
"""For what was begun in time; then a process is ended whatever it does."""

Measure = Callable[[GpuPlan, str, int, Connection, Any], None]
"""Measures the parts from a number on, and sends each result; the last argument is an event."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is being done now."""

    words: str
    fraction: float | None


def measure_rest(
    plan: GpuPlan, command: str, first: int, sender: Connection, cancelled: Any
) -> None:
    """Send the result of each part from the number ``first`` on, as long as the device answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has begun this one hears of it

    def report(words: str, fraction: float | None) -> None:
        sender.send(_Stage(words, fraction))

    suite = GpuSuite(plan, command, cancelled=cancelled.is_set, report=report)
    try:
        for result in suite.run(first):
            sender.send(result)
            if result.problem is not None and not _answers(plan.device):
                return
    except BrokenPipeError:  # nobody is left to hear it
        sys.exit(1)


def run_in_processes(
    plan: GpuPlan,
    command: str,
    *,
    cancelled: Callable[[], bool],
    report: Report,
    measure: Measure = measure_rest,
    silent_seconds: float = _SILENT_SECONDS,
) -> Iterator[PartResult]:
    """Yield what each part brought, also the one that a process ended with."""
    titles = GpuSuite(plan, command).titles()
    end, done = time.monotonic() + plan.budget_seconds, 0
    while done < len(titles):
        if time.monotonic() > end:
            yield PartResult(titles[done], problem="not measured: no time was left")
            done += 1
            continue
        left = replace(plan, budget_seconds=end - time.monotonic())
        process = _Process(left, command, done, measure)
        came = 0
        last = end + _GRACE_SECONDS
        for result in process.results(cancelled, report, silent_seconds, last):
            came += 1
            yield result
        done += came
        if done < len(titles) and (process.problem is not None or not came):
            problem = process.problem or "failed: its process ended without a word"
            yield PartResult(titles[done], problem=problem)
            done += 1


class _Process:
    """One process that measures, and what it says."""

    def __init__(self, plan: GpuPlan, command: str, first: int, measure: Measure) -> None:
        self.problem: str | None = None
        """Why it ended before it was through; None where it did as it should."""
        spawned = multiprocessing.get_context("spawn")  # CUDA cannot be forked
        self._receiver, sender = spawned.Pipe(duplex=False)
        self._cancelled = spawned.Event()
        arguments = plan, command, first, sender, self._cancelled
        self._process = spawned.Process(target=measure, args=arguments, daemon=True)
        self._process.start()
        sender.close()

    def results(
        self, cancelled: Callable[[], bool], report: Report, silent_seconds: float, end: float
    ) -> Iterator[PartResult]:
        """Yield its results as they come, until it or all time ends, or it says nothing more."""
        try:
            heard = time.monotonic()
            while (now := time.monotonic()) < min(heard + silent_seconds, end):
                if cancelled():
                    self._cancelled.set()
                if not self._receiver.poll(_LISTEN_SECONDS):
                    continue
                try:
                    said = self._receiver.recv()
                except EOFError:
                    self._process.join()
                    code = self._process.exitcode
                    self.problem = f"failed: its process ended with {code}" if code else None
                    return
                heard = time.monotonic()
                if isinstance(said, PartResult):
                    yield said
                else:
                    report(said.words, said.fraction)
            if now >= end:
                self.problem = "cut off: all time had run out before it was through"
            else:
                self.problem = f"failed: nothing came of it for {now - heard:.0f} s"
        finally:
            self._process.kill()
            self._process.join()
            self._receiver.close()


def _answers(device: str) -> bool:
    """Return whether ``device`` still does what it is told."""
    try:
        found = resolve_device(device)
        torch.zeros(1, device=found).add_(1)
        wait_for(found)
    except Exception:  # noqa: BLE001  # whatever it is, it does not
        return False
    return True
