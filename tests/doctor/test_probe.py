"""The probes for real, each in its process as the doctor asks it; the model's in test_command."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
import torch
from command_line import REPOSITORY, environment

from medusa_chat.decoding.lean.fp8 import row_unit
from medusa_chat.doctor import probe
from medusa_chat.doctor.facts import QuantisationFacts, TorchFacts
from medusa_chat.doctor.inquiry import ask
from medusa_chat.models import quantization


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes find the package, whatever folder the tests run in."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


def test_torch() -> None:
    facts = ask(TorchFacts)
    assert isinstance(facts, TorchFacts), facts
    assert facts.version.partition("+")[0] == version("torch").partition("+")[0]
    assert facts.threads == 1  # as the tests set it
    if facts.cuda is None and facts.hip is None:
        assert facts.devices == ()
        assert facts.cuda_error == ""


def test_bitsandbytes() -> None:
    pytest.importorskip("bitsandbytes")
    facts = ask(QuantisationFacts)
    assert isinstance(facts, QuantisationFacts), facts
    assert facts.errors == {"8bit": "", "4bit": ""}


def test_a_wrong_result_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bitsandbytes")
    # No rounding is so fine: the comparison is with what the layer gave.
    monkeypatch.setattr(probe, "_MOST_RELATIVE_ERROR", {"8bit": 1e-4, "4bit": 1e-4})
    for error in probe.probe_bitsandbytes().errors.values():
        assert "off" in error


def test_what_a_library_prints_goes_to_standard_error() -> None:
    script = (
        "import os, sys\nfrom medusa_chat.doctor import probe\n"
        "def loud():\n print('noise'); os.system('echo more'); raise ValueError('a\\nb')\n"
        "probe._PROBES['torch'] = loud\nsys.argv = ['probe', 'torch']\nprobe.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=True
    )
    assert ended.stdout.decode() == '{"error": "ValueError: a"}'
    assert "noise" in ended.stderr.decode()
    assert "more" in ended.stderr.decode()


def test_float8_is_tried_where_a_device_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe._float8(torch.device("cpu")) is None
    monkeypatch.setattr(quantization, "_FP8_CAPABILITY", (0, 0))
    row_unit.cache_clear()
    assert probe._float8(torch.device("cpu")) == ""
    row_unit.cache_clear()
    monkeypatch.delattr(torch, "_scaled_mm")
    assert "torch's product of float8 fails on cpu" in (probe._float8(torch.device("cpu")) or "")
    row_unit.cache_clear()
