from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
from medusa_chat.models import step_time_store
from medusa_chat.models.step_time_store import Setup, keep, recall, replace

SETUP = Setup("m", "b", "none", "float32", "cpu, 1 thread", "lean", "all", "torch 2.13")
SEEN = Experience(
    KindExperience({1: 0.5, 8: 0.75}, {8: Acceptance(2.25, 300)}),
    KindExperience({1: 0.5, 2: 0.625}, {2: Acceptance(1.5, 20)}),
    [[0], [0, 0]],
    "first",
)
TIMED = Experience(KindExperience({1: 0.25}))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDUSA_CHAT_HOME", str(tmp_path))
    return tmp_path


def test_experience_comes_back_for_the_same_setup_alone() -> None:
    keep(SETUP, SEEN)
    assert recall(SETUP) == SEEN
    replace(SETUP, TIMED)
    assert recall(SETUP) == TIMED
    for field in dataclasses.fields(SETUP):
        assert recall(dataclasses.replace(SETUP, **{field.name: "other"})) == Experience()


def test_who_never_had_the_searched_trees_leaves_them() -> None:
    searched = dataclasses.replace(SEEN, tuning="")
    keep(SETUP, searched)
    keep(SETUP, TIMED)
    assert recall(SETUP) == dataclasses.replace(
        searched, grown=KindExperience({1: 0.25, 8: 0.75}, SEEN.grown.accepted)
    )


def test_what_was_known_before_a_tuning_is_not_kept_over_it() -> None:
    replace(SETUP, SEEN)
    long_ago = KindExperience({1: 9.0}, {8: Acceptance(1.0, 5000)})
    keep(SETUP, Experience(long_ago))
    keep(SETUP, Experience(long_ago, long_ago, [[1]], "before"))
    assert recall(SETUP) == SEEN


def test_a_tuning_takes_the_searched_trees_away_that_do_not_pay_any_more() -> None:
    replace(SETUP, SEEN)
    tuned = dataclasses.replace(TIMED, tuning="second")
    replace(SETUP, tuned)
    keep(SETUP, SEEN)
    assert recall(SETUP) == tuned


def test_of_two_chats_that_go_on_from_a_tuning_each_adds_what_it_saw() -> None:
    replace(SETUP, SEEN)
    few, many = Acceptance(1.25, 301), Acceptance(1.75, 900)
    for of_eight, of_two in ((many, few), (few, many)):
        keep(
            SETUP,
            Experience(
                KindExperience({1: 0.5}, {2: of_two, 8: of_eight}),
                KindExperience({2: 0.25}, {2: Acceptance(2.0, 21)}),
                SEEN.paths,
                "first",
            ),
        )
    assert recall(SETUP) == Experience(
        KindExperience({1: 0.5, 8: 0.75}, {2: many, 8: many}),
        KindExperience({1: 0.5, 2: 0.25}, {2: Acceptance(2.0, 21)}),
        SEEN.paths,
        "first",
    )


def test_what_is_tuned_comes_back_after_the_file_is_gone(home: Path) -> None:
    replace(SETUP, SEEN)
    (home / "step_times.json").unlink()
    keep(SETUP, TIMED)
    keep(SETUP, SEEN)
    assert recall(SETUP) == SEEN


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
        {"tuning": 3},
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
