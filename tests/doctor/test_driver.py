"""The driver, by a fake nvidia-smi on the PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from medusa_chat.doctor import driver
from medusa_chat.doctor.driver import Driver, read_driver


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a script can be put that stands in for nvidia-smi."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "nvidia-smi"


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def read(tmp_path: Path) -> Driver:
    return read_driver(tmp_path / "pci", tmp_path / "version")


def on_bus(tmp_path: Path, vendor: str, kind: str) -> None:
    device = tmp_path / "pci/0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text(vendor + "\n")
    (device / "class").write_text(kind + "\n")


def test_driver_and_devices(nvidia_smi: Path, tmp_path: Path) -> None:
    script(
        nvidia_smi,
        'case "$*" in *name,driver_version*csv*) ;; *) exit 9;; esac\n'
        "echo 'NVIDIA H200, 570.86.15'\necho 'NVIDIA A100, 80GB, 570.86.15'",
    )
    assert read(tmp_path) == Driver("570.86.15", ("NVIDIA H200", "NVIDIA A100, 80GB"), on_bus=True)


def test_nvidia_smi_fails(nvidia_smi: Path, tmp_path: Path) -> None:
    script(nvidia_smi, 'echo "NVIDIA-SMI has failed because it couldn\'t communicate"; exit 9')
    assert read(tmp_path).problem.startswith("NVIDIA-SMI has failed")


def test_nvidia_smi_is_silent_broken_or_hangs(
    nvidia_smi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(nvidia_smi, "exit 3")
    assert read(tmp_path).problem == "nvidia-smi ended with status 3"
    nvidia_smi.write_bytes(b"\x7fELF, half a program")
    assert "did not start" in read(tmp_path).problem
    script(nvidia_smi, "exec sleep 60")
    monkeypatch.setattr(driver, "_TIMEOUT_SECONDS", 0.2)
    assert "no answer" in read(tmp_path).problem


def test_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read(tmp_path) == Driver()
    on_bus(tmp_path, "0x10de", "0x030200")
    assert read(tmp_path) == Driver(on_bus=True)


def test_another_maker_and_another_kind_of_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    on_bus(tmp_path, "0x1002", "0x030000")
    assert not read(tmp_path).on_bus
    (tmp_path / "pci/0000:01:00.0/vendor").write_text("0x10de\n")
    (tmp_path / "pci/0000:01:00.0/class").write_text("0x040300\n")  # its sound
    assert not read(tmp_path).on_bus


def test_a_driver_without_its_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 17\nGCC version: 12\n"
    )
    assert read(tmp_path).version == "535.161.08"
