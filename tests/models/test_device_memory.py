"""Memory of devices, asked for without torch: of a driver's program made here, and a cgroup."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from medusa_chat.models import device_memory as module
from medusa_chat.models.device_memory import cuda_devices, device_memory, main_memory

MIB = 1024 * 1024
CARDS = """\
0, GPU-aaaa, NVIDIA GeForce RTX 4090, 24564, 23000
1, GPU-bbbb, NVIDIA L4, 23034, 22000
2, GPU-cccc, NVIDIA Thing, [N/A], [N/A]
"""


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put a program called nvidia-smi first on the PATH; it prints what ``answer`` holds."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    program = tmp_path / "nvidia-smi"
    answer = tmp_path / "answer"
    program.write_text(f'#!/bin/sh\ncat "{answer}"\n', "utf-8")
    program.chmod(0o755)
    answer.write_text(CARDS, "utf-8")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return answer


def test_cards(driver: Path) -> None:
    first, second = cuda_devices()
    assert (first.kind, first.name) == ("cuda", "NVIDIA GeForce RTX 4090")
    assert (first.total_bytes, first.free_bytes) == (24564 * MIB, 23000 * MIB)
    assert device_memory("cuda") == device_memory("cuda:0") == first
    assert device_memory("cuda:1") == second
    assert device_memory("cuda:2") is None


def test_auto_is_all_cards_together(driver: Path) -> None:
    both = device_memory("auto")
    assert both is not None
    assert both.name == "2 × NVIDIA GeForce RTX 4090 and NVIDIA L4"
    assert both.free_bytes == 45000 * MIB
    driver.write_text(CARDS.splitlines()[0], "utf-8")
    assert device_memory("auto") == device_memory("cuda:0")


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["NVIDIA L4"]),
        ("1,0", ["NVIDIA L4", "NVIDIA GeForce RTX 4090"]),
        ("GPU-bbbb", ["NVIDIA L4"]),
        ("GPU-b", ["NVIDIA L4"]),
        ("", []),
        ("-1", []),
        ("0,7,1", ["NVIDIA GeForce RTX 4090"]),
    ],
)
def test_visible_cards(
    driver: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [one.name for one in cuda_devices()] == names


@pytest.mark.parametrize("answer", ["", "No devices were found", "a, b", "0, U, N, x, y"])
def test_driver_that_says_nothing(driver: Path, answer: str) -> None:
    driver.write_text(answer, "utf-8")
    assert cuda_devices() == ()
    assert device_memory("auto") == main_memory()
    assert device_memory("cuda") is None


def test_driver_that_fails(driver: Path) -> None:
    driver.unlink()
    assert cuda_devices() == ()


def test_no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cuda_devices() == ()
    memory = device_memory("cpu")
    assert memory is not None
    assert 0 < memory.free_bytes <= memory.total_bytes


@pytest.mark.parametrize(
    ("limit_file", "used_file"),
    [
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ],
)
def test_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit_file: str, used_file: str
) -> None:
    monkeypatch.setattr(module, "_CGROUPS", tmp_path)
    whole = main_memory()
    assert whole is not None
    (tmp_path / "memory").mkdir()
    (tmp_path / limit_file).write_text("9223372036854771712\n", "ascii")
    unlimited = main_memory()
    assert unlimited is not None
    assert unlimited.total_bytes == whole.total_bytes
    (tmp_path / limit_file).write_text("64000000\n", "ascii")
    (tmp_path / used_file).write_text("14000000\n", "ascii")
    cut = main_memory()
    assert cut is not None
    assert (cut.total_bytes, cut.free_bytes) == (64_000_000, 50_000_000)
    (tmp_path / limit_file).write_text("max\n", "ascii")
    again = main_memory()
    assert again is not None
    assert again.total_bytes == whole.total_bytes


def test_needs_no_torch() -> None:
    script = (
        "import sys\nfrom medusa_chat.models.device_memory import device_memory\n"
        "device_memory()\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
