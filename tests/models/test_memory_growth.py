"""What a model takes in memory is measured."""

from __future__ import annotations

import builtins
import gc
import weakref
from collections.abc import Mapping, Sequence
from types import ModuleType

import pytest
import torch

from medusa_chat.models.memory_growth import MemoryGrowth, release_memory

CPU = torch.device("cpu")
BYTES = 200_000_000


def test_growth_of_the_process() -> None:
    growth = MemoryGrowth(CPU)
    before = growth.bytes
    assert before is not None
    kept = torch.ones(BYTES // 4)
    after = growth.bytes
    assert after is not None
    assert 0.9 * BYTES < after - before < 1.1 * BYTES
    del kept
    assert (growth.bytes or 0) < 0.1 * BYTES


def test_growth_of_all_cuda_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    allotted = [10, 20]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda index: allotted[index])
    growth = MemoryGrowth(torch.device("cuda:0"))
    allotted[:] = 100, 50
    assert growth.bytes == 120


def test_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = builtins.__import__

    def without(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        names: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name == "psutil":
            raise ImportError(name)
        return import_module(name, globals_, locals_, names or (), level)

    monkeypatch.setattr(builtins, "__import__", without)
    assert MemoryGrowth(CPU).bytes is None


def test_circles_are_released() -> None:
    gc.disable()
    try:
        model = torch.nn.Linear(2, 2)
        model.itself = [model]  # type: ignore[assignment]
        old = weakref.ref(model)
        del model
        assert old() is not None
        release_memory()
        assert old() is None
    finally:
        gc.enable()
