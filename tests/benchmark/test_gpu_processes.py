"""Parts of the GPU suite in processes that fail in every way, without measuring anything."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import pytest

from medusa_chat.benchmark import gpu_processes
from medusa_chat.benchmark.gpu_processes import measure_rest, run_in_processes
from medusa_chat.benchmark.gpu_suite import GpuPlan, GpuSuite, PartResult

PLAN = GpuPlan(device="cpu", shape="builtin", precisions=(("float32", "none"),))
TITLES = GpuSuite(PLAN, "").titles()


class Sender:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, what: object) -> None:
        """Keep it."""
        self.sent.append(what)


class Never:
    """An event that does not come."""

    def is_set(self) -> bool:
        """Return that it has not."""
        return False


def broken_at_some(
    plan: GpuPlan, _command: str, first: int, sender: Connection, _cancelled: Any
) -> None:
    """The first part crashes, and behind the third one the device is lost."""
    for number, title in enumerate(TITLES[first:], start=first):
        if number == 0:
            os._exit(7)
        sender.send(PartResult(title, record={"seconds": plan.budget_seconds}))
        if number == 2:
            return


def never_ending(*_arguments: object) -> None:
    """Say nothing at all."""
    time.sleep(3600)


def test_what_is_left_is_measured_in_another_process() -> None:
    results = list(
        run_in_processes(
            PLAN,
            "",
            cancelled=lambda: False,
            report=lambda *_: None,
            measure=broken_at_some,
        )
    )
    assert [one.title for one in results] == TITLES
    assert [one.problem for one in results] == [
        "failed: its process ended with 7",
        *[None] * (len(TITLES) - 1),
    ]
    budgets = [one.record["seconds"] for one in results if one.record]
    assert budgets[0] == budgets[1] > budgets[2]
    assert budgets[0] < PLAN.budget_seconds


def test_a_part_that_never_ends_is_given_up() -> None:
    results = run_in_processes(
        PLAN,
        "",
        cancelled=lambda: False,
        report=lambda *_: None,
        measure=never_ending,
        silent_seconds=1,
    )
    first, second = next(results), next(results)
    results.close()  # type: ignore[attr-defined]
    assert (first.title, second.title) == (TITLES[0], TITLES[1])
    for one in (first, second):
        assert (one.problem or "").startswith("failed: nothing came of it for ")


def test_no_process_is_begun_without_time() -> None:
    plan = dataclasses.replace(PLAN, budget_seconds=-1)
    results = list(run_in_processes(plan, "", cancelled=lambda: False, report=lambda *_: None))
    assert [one.title for one in results] == TITLES
    assert {one.problem for one in results} == {"not measured: no time was left"}


def test_a_process_is_ended_with_all_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_processes, "_GRACE_SECONDS", 0.5)
    plan = dataclasses.replace(PLAN, budget_seconds=0.5)
    results = run_in_processes(
        plan, "", cancelled=lambda: False, report=lambda *_: None, measure=never_ending
    )
    assert next(results).problem == "cut off: all time had run out before it was through"
    assert [one.problem for one in results] == ["not measured: no time was left"] * (
        len(TITLES) - 1
    )


@pytest.mark.parametrize("answers", [True, False])
def test_a_device_that_is_lost_ends_the_process(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> PartResult:
        raise RuntimeError("CUDA error: device-side assert triggered")

    for part in ("_steps", "_builtin", "_decoding"):
        monkeypatch.setattr(GpuSuite, part, lambda *_arguments: PartResult(""))
    monkeypatch.setattr(GpuSuite, "_bandwidth", fail)
    monkeypatch.setattr(gpu_processes, "_answers", lambda _device: answers)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    sender = Sender()
    measure_rest(PLAN, "", 0, sender, Never())  # type: ignore[arg-type]
    results = [one for one in sender.sent if isinstance(one, PartResult)]
    assert [one.title for one in results] == (TITLES if answers else TITLES[:1])
    assert "device-side assert" in (results[0].problem or "")
