"""torch, and the devices that it can compute on: each way in which a GPU can be missing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from medusa_chat.doctor.driver import Driver
from medusa_chat.doctor.facts import DeviceFacts, TorchFacts
from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.inquiry import NoAnswer
from medusa_chat.quantities import size

_CUDA_BUILD = "Install a CUDA build of torch: https://pytorch.org/get-started/locally"
_INSTALL_DRIVER = "Install NVIDIA's driver: https://www.nvidia.com/drivers"
_UPDATE_DRIVER = (
    "Update NVIDIA's driver (https://www.nvidia.com/drivers), or install a build of torch for an "
    "older CUDA."
)
_LEAST_FREE = 0.5
"""Of a device's memory; less, and something else holds much of it."""


def findings(
    facts: TorchFacts | NoAnswer, driver: Driver, environment: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Yield findings of torch's build, of the driver and of each device."""
    if isinstance(facts, NoAnswer):
        yield Finding(
            "torch works",
            "broken",
            f"torch could not be used: {facts.reason}",
            "Install medusa-chat again, in a virtual environment of its own.",
        )
        yield _driver(driver)
        return
    yield Finding("torch works", "ok", f"{facts.version}, {_build(facts)}, {_threads(facts)}")
    yield _driver(driver)
    for device in facts.devices:
        yield _device(device)
    if not facts.devices:
        yield _no_device(facts, driver, environment)


def _build(facts: TorchFacts) -> str:
    if facts.hip:
        return f"built for ROCm {facts.hip}"
    return f"built for CUDA {facts.cuda}" if facts.cuda else "built for processors alone"


def _threads(facts: TorchFacts) -> str:
    threads = f"{facts.threads} thread{'' if facts.threads == 1 else 's'}"
    return f"{threads} on {os.cpu_count() or '?'} processors"


def _driver(driver: Driver) -> Finding:
    name = "NVIDIA driver"
    if driver.problem:
        return Finding(name, "warning", driver.problem, "Install the driver again, then restart.")
    if driver.version:
        return Finding(name, "ok", driver.version)
    if driver.on_bus:
        return Finding(name, "warning", "none, though an NVIDIA GPU is here", _INSTALL_DRIVER)
    return Finding(name, "note", "none, and no NVIDIA GPU was found")


def _device(device: DeviceFacts) -> Finding:
    name = f"GPU {device.index}"
    free, total = size(device.free_bytes), size(device.total_bytes)
    value = f"{device.name}, compute capability {device.capability or '?'}, {free} of {total} free"
    if device.error:
        return Finding(
            name,
            "warning",
            f"{value}, but it cannot compute: {device.error}",
            "Install a build of torch that has kernels for it (an older one, for an old GPU), or "
            "use --device cpu.",
        )
    if not device.bfloat16:
        value += ", no bfloat16: models run in float16"
    if device.float8 is not None:
        value += f", no float8: {device.float8}" if device.float8 else ", float8 works"
    if device.free_bytes < _LEAST_FREE * device.total_bytes:
        return Finding(
            name,
            "note",
            value,
            "Something else holds its memory: nvidia-smi shows what.",
        )
    return Finding(name, "ok", value)


def _no_device(facts: TorchFacts, driver: Driver, environment: Mapping[str, str]) -> Finding:
    """Return why models run on the processor, and what would change that."""
    name, slow = "GPU", "models run on the processor"
    if facts.hip:
        return Finding(
            name,
            "warning",
            f"none: torch is built for ROCm {facts.hip} and sees no device ({facts.cuda_error})",
            "Check that rocminfo lists the GPU, and that you may open /dev/kfd.",
        )
    if not facts.cuda:
        if driver.gpus or driver.on_bus:
            gpu = ", ".join(driver.gpus) or "an NVIDIA GPU"
            return Finding(
                name, "warning", f"{gpu} is here, but torch is built without CUDA", _CUDA_BUILD
            )
        return Finding(name, "note", f"none: {slow}")
    if "too old" in facts.cuda_error:
        version = f" ({driver.version})" if driver.version else ""
        return Finding(
            name,
            "warning",
            f"none: the driver{version} is too old for CUDA {facts.cuda}",
            _UPDATE_DRIVER,
        )
    hidden = environment.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and (driver.version or driver.on_bus):
        return Finding(
            name,
            "warning",
            f"none: CUDA_VISIBLE_DEVICES is {hidden!r} ({facts.cuda_error})",
            "Unset it, or name a device that nvidia-smi lists (the first is 0).",
        )
    if driver.version or driver.problem:
        return Finding(
            name,
            "warning",
            f"none that torch can use, though a driver is here: {facts.cuda_error}",
            "Check that nvidia-smi lists it. In a container: was it started with --gpus all?",
        )
    if driver.on_bus:
        return Finding(name, "warning", f"no driver: {slow}", _INSTALL_DRIVER)
    return Finding(name, "note", f"none: {slow}", "If there is an NVIDIA GPU, install its driver.")
