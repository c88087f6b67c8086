"""Each way in which a GPU can be there or missing has its own words and remedy."""

from __future__ import annotations

import dataclasses

import pytest

from medusa_chat.doctor import accelerator
from medusa_chat.doctor.driver import Driver
from medusa_chat.doctor.facts import DeviceFacts, TorchFacts
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.inquiry import NoAnswer

CPU_BUILD = TorchFacts("2.13.0+cpu", None, None, 4, (), "")
CUDA_BUILD = dataclasses.replace(CPU_BUILD, version="2.13.0", cuda="12.8", cuda_error="no device")
ROCM_BUILD = dataclasses.replace(CPU_BUILD, hip="6.2", cuda_error="no device")
H200 = DeviceFacts(0, "NVIDIA H200", "9.0", 140_000_000_000, 139_000_000_000, True, "")
DRIVER = Driver("570.86", ("NVIDIA H200",), on_bus=True)


def look(facts: TorchFacts | NoAnswer, driver: Driver, **environment: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in accelerator.findings(facts, driver, environment)}


@pytest.mark.parametrize(
    ("float8", "words"),
    [("", "free, float8 works"), ("its results are 30% off", "no float8: its results are 30% off")],
)
def test_a_device_with_float8(float8: str, words: str) -> None:
    device = dataclasses.replace(H200, float8=float8)
    findings = look(dataclasses.replace(CUDA_BUILD, devices=(device,), cuda_error=""), DRIVER)
    assert findings["GPU 0"].value.endswith(words)


def test_a_device_that_works() -> None:
    findings = look(dataclasses.replace(CUDA_BUILD, devices=(H200,), cuda_error=""), DRIVER)
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["GPU 0"].value == ("NVIDIA H200, compute capability 9.0, 139 GB of 140 GB free")
    assert findings["NVIDIA driver"].value == "570.86"
    assert "CUDA 12.8" in findings["torch works"].value


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"error": "AcceleratorError: no kernel image"}, "warning", "cannot compute: Accel"),
        ({"free_bytes": 9_000_000_000}, "note", "9.00 GB of 140 GB free"),
        ({"bfloat16": False}, "ok", "float16"),
    ],
)
def test_a_device_with_something_amiss(change: dict[str, object], status: str, words: str) -> None:
    device = dataclasses.replace(H200, **change)  # type: ignore[arg-type]
    finding = look(dataclasses.replace(CUDA_BUILD, devices=(device,)), DRIVER)["GPU 0"]
    assert (finding.status, words in finding.value) == (status, True)
    assert bool(finding.remedy) == (status != "ok")


TOO_OLD = dataclasses.replace(
    CUDA_BUILD,
    cuda_error="RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
)
FAILED = Driver(problem="NVIDIA-SMI has failed")


@pytest.mark.parametrize(
    ("facts", "driver", "environment", "status", "words", "remedy"),
    [
        (CPU_BUILD, Driver(), {}, "note", "none: models run on the processor", ""),
        (
            CPU_BUILD,
            DRIVER,
            {},
            "warning",
            "H200 is here, but torch is built without",
            "CUDA build",
        ),
        (CPU_BUILD, Driver(on_bus=True), {}, "warning", "an NVIDIA GPU is here", "CUDA build"),
        (CUDA_BUILD, Driver(), {}, "note", "none", "If there is"),
        (CUDA_BUILD, Driver(on_bus=True), {}, "warning", "no driver", "Install NVIDIA's driver"),
        (CUDA_BUILD, DRIVER, {}, "warning", "though a driver is here", "container"),
        (CUDA_BUILD, FAILED, {}, "warning", "though a driver is here", "nvidia-smi"),
        (TOO_OLD, DRIVER, {}, "warning", "(570.86) is too old for CUDA 12.8", "Update"),
        (CUDA_BUILD, DRIVER, {"CUDA_VISIBLE_DEVICES": ""}, "warning", "is ''", "Unset it"),
        (ROCM_BUILD, Driver(), {}, "warning", "ROCm 6.2", "rocminfo"),
    ],
)
def test_no_device(
    facts: TorchFacts,
    driver: Driver,
    environment: dict[str, str],
    status: str,
    words: str,
    remedy: str,
) -> None:
    finding = look(facts, driver, **environment)["GPU"]
    assert finding.status == status
    assert words in finding.value
    assert remedy in finding.remedy


def test_the_driver_alone() -> None:
    assert look(CPU_BUILD, FAILED)["NVIDIA driver"].value == "NVIDIA-SMI has failed"
    assert look(CPU_BUILD, Driver(on_bus=True))["NVIDIA driver"].status == "warning"
    assert look(CPU_BUILD, Driver())["NVIDIA driver"].status == "note"


def test_torch_that_crashes_is_broken() -> None:
    findings = look(NoAnswer("ended by SIGSEGV"), DRIVER)
    assert findings["torch works"].status == "broken"
    assert "SIGSEGV" in findings["torch works"].value
    assert findings["NVIDIA driver"].value == "570.86"
