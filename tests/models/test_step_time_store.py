from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
from medusa_chat.models import step_time_store
from medusa_chat.models.step_time_store import Setup, keep, recall

SETUP = Setup("m", "b", "none", "float32", "cpu, 1 thread", "lean", "all", "torch 2.13")
SEEN = Experience(
    KindExperience({1: 0.5, 8: 0.75}, {8: Acceptance(2.25, 300)}),
    KindExperience({1: 0.5, 2: 0.625}, {2: Acceptance(1.5, 20)}),
    [[0], [0, 0]],
)
TIMED = Experience(KindExperience({1: 0.25}))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return tmp_path


def test_experience_comes_back_for_the_same_setup_alone() -> None:
    keep(SETUP, SEEN)
    assert recall(SETUP) == SEEN
    keep(SETUP, TIMED)
    assert recall(SETUP) == TIMED
    for field in dataclasses.fields(SETUP):
        assert recall(dataclasses.replace(SETUP, **{field.name: "other"})) == Experience()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}', '{"x": {"grown": []}}'])
def test_what_is_unreadable_was_not_measured(home: Path, content: str) -> None:
    (home / "step_times.json").write_text(content, "utf-8")
    assert recall(SETUP) == Experience()
    keep(SETUP, SEEN)
    assert recall(SETUP) == SEEN


@pytest.mark.parametrize(
    "damage",
    [
        {"grown": {"seconds": {"1": -1.0, "x": 1.0, "2": 1}, "accepted": {"2": 3, "4": [0.5, 1]}}},
        {"grown": {"seconds": [], "accepted": {"2": [float("nan"), 3]}}},
        {"grown": {"seconds": {"9" * 5000: 0.5, "3": 0.5, "²": 0.5}}},
        {"grown": {"accepted": {"9" * 5000: [1.5, 3], "8": [10**400, 3]}}},
        {"grown": {}, "searched": 3, "paths": [[0, -1]]},
        {"grown": None, "paths": "no"},
        "text",
    ],
)
def test_damaged_parts_count_as_not_measured(home: Path, damage: object) -> None:
    (home / "step_times.json").write_text(json.dumps({SETUP.key: damage}), "utf-8")
    assert recall(SETUP) == Experience()


def test_times_by_another_clock_are_measured_anew(home: Path) -> None:
    (home / "step_times.json").write_text(json.dumps({SETUP.key: {"1": 0.25}}), "utf-8")
    assert recall(SETUP) == Experience()


def test_the_file_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time_store, "_MOST_ENTRIES", 3)
    setups = [dataclasses.replace(SETUP, model=str(number)) for number in range(5)]
    for setup in setups:
        keep(setup, SEEN)
    found = [bool(recall(setup).grown.seconds) for setup in setups]
    assert found == [False, False, True, True, True]
