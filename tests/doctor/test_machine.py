"""Memory and disks."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from medusa_chat.doctor import machine


def of_memory(monkeypatch: pytest.MonkeyPatch, total: float, available: float, swap: float) -> None:
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(total=total, available=available)
    )
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(total=swap, free=swap))


def test_this_machine() -> None:
    memory, swap = machine.memory()
    assert "available" in memory.value
    assert swap.name == "swap"


def test_plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_memory(monkeypatch, 32e9, 20e9, 4e9)
    memory, swap = machine.memory(tmp_path)
    assert (memory.status, memory.value) == ("ok", "20.0 GB of 32.0 GB available")
    assert (swap.status, swap.value) == ("ok", "4.00 GB of 4.00 GB free")


def test_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_memory(monkeypatch, 32e9, 1e9, 0)
    memory, swap = machine.memory(tmp_path)
    assert memory.status == "warning"
    assert memory.remedy
    assert swap.status == "note"


@pytest.mark.parametrize("folder", ["", "memory"])
def test_the_limit_of_a_container(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_memory(monkeypatch, 64e9, 60e9, 0)
    at = tmp_path / folder
    at.mkdir(exist_ok=True)
    names = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if folder
        else ("memory.max", "memory.current", "inactive_file")
    )
    (at / names[0]).write_text("4000000000\n")
    (at / names[1]).write_text("3500000000\n")
    (at / "memory.stat").write_text(f"anon 5\n{names[2]} 500000000\n")
    memory, _ = machine.memory(tmp_path)
    assert memory.status == "warning"
    assert memory.value == "1.00 GB available, of the 4.00 GB that this container may take"


def test_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_memory(monkeypatch, 64e9, 60e9, 0)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("3500000000\n")
    assert next(iter(machine.memory(tmp_path))).value == "60.0 GB of 64.0 GB available"


@pytest.mark.parametrize(
    ("free", "for_models", "status"),
    [
        (500_000_000_000, True, "ok"),
        (5_000_000_000, True, "note"),
        (5_000_000_000, False, "ok"),
        (1_000_000, True, "warning"),
        (1_000_000, False, "warning"),
    ],
)
def test_disk(
    free: int, for_models: bool, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(total=10**12, free=free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    finding = machine.disk("disk", tmp_path / "not/made/yet", for_models=for_models)
    assert finding.status == status
    assert bool(finding.remedy) == (status != "ok")
    assert asked == [tmp_path]
