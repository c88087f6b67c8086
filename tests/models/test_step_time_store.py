from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from medusa_chat.models import step_time_store
from medusa_chat.models.step_time_store import Setup, keep, recall

SETUP = Setup("m", "b", "none", "float32", "cpu, 1 thread", "lean", "all", "torch 2.13")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return tmp_path


def test_times_come_back_for_the_same_setup_alone() -> None:
    keep(SETUP, {1: 0.5, 8: 0.75})
    assert recall(SETUP) == {1: 0.5, 8: 0.75}
    keep(SETUP, {1: 0.25})
    assert recall(SETUP) == {1: 0.25}
    for field in dataclasses.fields(SETUP):
        assert recall(dataclasses.replace(SETUP, **{field.name: "other"})) == {}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": {"a": 1.0}}', '{"x": {"1": -1.0}}'])
def test_what_is_unreadable_was_not_measured(home: Path, content: str) -> None:
    (home / "step_times.json").write_text(content, "utf-8")
    assert recall(SETUP) == {}
    keep(SETUP, {1: 0.5})
    assert recall(SETUP) == {1: 0.5}


def test_the_file_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time_store, "_MOST_ENTRIES", 3)
    setups = [dataclasses.replace(SETUP, model=str(number)) for number in range(5)]
    for setup in setups:
        keep(setup, {1: 0.5})
    assert [bool(recall(setup)) for setup in setups] == [False, False, True, True, True]
