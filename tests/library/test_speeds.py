from __future__ import annotations

import dataclasses
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medusa_chat.library.speeds import Speed, record, speed_of, speeds

FIRST = Speed("a/b", "none", "float32", "cpu", 10.0, 21.0, "2026-01-01T10:00:00+00:00")


def test_nothing_is_measured_at_first() -> None:
    assert speeds() == {}
    assert speed_of("a/b") is None


def test_what_was_recorded_is_read_back(home: Path) -> None:
    record(FIRST)
    assert speed_of("a/b") == FIRST
    assert FIRST.ratio == pytest.approx(2.1)
    assert {file.name for file in home.iterdir()} == {"speeds.json", "speeds.json.lock"}


def test_latest_of_a_model_counts() -> None:
    later = dataclasses.replace(FIRST, quantization="4bit", measured_at="2026-01-02T10:00:00+00:00")
    other = dataclasses.replace(FIRST, model="c/d")
    for speed in (later, FIRST, other):
        record(speed)
    assert speeds() == {"a/b": later, "c/d": other}


def test_newer_measurement_replaces_the_one_of_the_same_kind(home: Path) -> None:
    record(FIRST)
    again = dataclasses.replace(FIRST, medusa_tokens_per_second=30.0)
    record(again)
    assert speed_of("a/b") == again
    assert len(json.loads((home / "speeds.json").read_text("utf-8"))) == 1


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_measurements_of_the_same_moment_are_all_kept() -> None:
    measured = [dataclasses.replace(FIRST, model=f"a/{number}") for number in range(12)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(record, measured))
    assert speeds() == {one.model: one for one in measured}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"{}",
        b"[1]",
        b'[{"model": "a/b"}]',
        json.dumps([dataclasses.asdict(FIRST) | {"plain_tokens_per_second": 0}]).encode(),
        json.dumps([dataclasses.asdict(FIRST) | {"medusa_tokens_per_second": "x"}]).encode(),
        json.dumps([dataclasses.asdict(FIRST) | {"model": 1}]).encode(),
        json.dumps([dataclasses.asdict(FIRST) | {"more": 1}]).encode(),
    ],
)
def test_damaged_file_is_an_empty_one(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "speeds.json").write_bytes(content)
    assert speeds() == {}
    record(FIRST)
    assert speed_of("a/b") == FIRST


def test_good_entries_beside_bad_ones_are_kept(home: Path) -> None:
    home.mkdir()
    (home / "speeds.json").write_text(json.dumps([7, dataclasses.asdict(FIRST)]), "utf-8")
    assert speed_of("a/b") == FIRST
