from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from medusa_chat.conversation.writers import is_writing


def test_a_process_that_runs_is_writing() -> None:
    assert is_writing(f"{os.getpid()} {time.time()}")


def test_nobody_is_not_writing() -> None:
    assert not is_writing(None)


def test_another_process_of_the_same_number_is_not_writing() -> None:
    before = psutil.Process().create_time() - 60
    assert not is_writing(f"{os.getpid()} {before}")


@pytest.mark.skipif(os.name != "posix", reason="only there do dead processes wait for a parent")
def test_a_process_that_ended_is_not_writing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    # Also while its parent has not asked how it ended.
    assert not is_writing(f"{process.pid} {time.time()}")
    process.communicate()
    assert not is_writing(f"{process.pid} {time.time()}")
