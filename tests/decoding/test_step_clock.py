"""Which time of a step counts."""

from __future__ import annotations

import sys
import time

import pytest
import torch

from medusa_chat.decoding.step_clock import step_clock


def test_on_a_device_it_is_the_time_of_the_wall() -> None:
    assert step_clock(torch.device("cuda")) is time.perf_counter


@pytest.mark.skipif(sys.platform == "win32", reason="its clock of threads is too coarse")
def test_on_a_cpu_it_stands_still_while_others_run() -> None:
    clock = step_clock(torch.device("cpu"))
    started, began = time.perf_counter(), clock()
    time.sleep(0.05)
    assert clock() - began < 0.5 * (time.perf_counter() - started)
