from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa_chat import processor

CPUINFO = "processor\t: 0\nmodel name\t: Test CPU @ 3.00GHz\n\nprocessor\t: 1\nmodel name\t: x\n"


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    processor.processor_name.cache_clear()
    yield
    processor.processor_name.cache_clear()


def test_linux_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(CPUINFO, "utf-8")
    assert processor.processor_name() == "Test CPU @ 3.00GHz"


@pytest.mark.parametrize("content", [None, "processor\t: 0\nBogoMIPS\t: 108.00\n"])
def test_elsewhere_it_is_what_the_system_calls_it(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content, "utf-8")
    assert processor.processor_name() == (platform.processor() or platform.machine())
