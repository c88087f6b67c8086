"""One of two processes killed: the other ends too, and the same command goes on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from command_line import environment
from golden_data import TINY_LLAMA
from safetensors.torch import load_file

from medusa_chat.training.__main__ import main
from training.runs import functions, write_lines
from training.test_team import LAUNCH

STEPS = 600
SECONDS = 300
"""What a launch may take at most, on a machine that is busy."""


def options(folder: Path, name: str, accumulation: int) -> list[str]:
    """Return those of a Medusa-1 training that saves its state every few steps."""
    named = {
        "base-model": TINY_LLAMA,
        "data": folder / "data.jsonl",
        "output": folder / name,
        "keep-hidden": folder / f"{name}-hidden",
        "accumulation": accumulation,
        "batch-size": 1,
        "max-length": 128,
        "epochs": 1000,
        "max-steps": STEPS,
        "evaluate-every": 25,
        "dtype": "float32",
        "device": "cpu",
        "heads": 2,
    }
    return [word for key, value in named.items() for word in (f"--{key}", str(value))]


@contextlib.contextmanager
def launched(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start two processes; none is left behind, whatever fails."""
    process = subprocess.Popen(
        [*LAUNCH, *options(folder, "two", 1)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
            process.kill()


def wait_for(state: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a first state is saved."""
    end = time.monotonic() + SECONDS
    while not state.is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, f"{state} does not come"
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing can be killed so")
def test_the_others_end_and_the_same_command_goes_on(tmp_path: Path) -> None:
    write_lines(tmp_path / "data.jsonl", functions(64))
    state = tmp_path / "two/training-state.safetensors"
    with launched(tmp_path) as first:
        wait_for(state, first)
        started = psutil.Process(first.pid).children(recursive=True)
        (second,) = (one for one in started if one.environ().get("RANK") == "1")
        second.kill()
        _, said = first.communicate(timeout=SECONDS)
    assert first.returncode > 0
    assert "Another process of this training has ended, or is out of reach" in said
    assert "the same command goes on from what was last saved" in said
    assert not psutil.wait_procs(started, timeout=30)[1], "all have ended"
    assert not (tmp_path / "two/medusa_lm_head.safetensors").exists()

    with launched(tmp_path) as again:
        _, said = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, said
    assert "Going on from step" in said
    assert "damaged" not in said

    assert main(options(tmp_path, "one", 2)) == 0
    expected, found = (
        load_file(tmp_path / name / "medusa_lm_head.safetensors") for name in ("one", "two")
    )
    assert expected.keys() == found.keys()
    assert all(weight.equal(found[name]) for name, weight in expected.items())
