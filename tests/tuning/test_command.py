"""``medusa-chat tune`` as it is called: what it prints, keeps, and gives to the automatic tree."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import HEADS, Call
from golden_data import TINY_LLAMA

from medusa_chat.benchmark import forward_choice
from medusa_chat.benchmark.run import measure
from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.engine.local import Engine
from medusa_chat.run.command import Interrupt
from medusa_chat.settings import DecodeSettings, ModelSettings
from medusa_chat.tuning import command, trial
from medusa_chat.tuning.arguments import UNFIT

SIZES = [2, 4, 6, 8, 12, 16]


def kept(home: Path) -> list[Any]:
    file = home / "step_times.json"
    return list(json.loads(file.read_text("utf-8")).values()) if file.exists() else []


def automatic(decode: DecodeSettings) -> AutomaticTree:
    """Return the tree of an engine that is started now."""
    engine = Engine()
    engine.load(ModelSettings(HEADS), lambda _stage, _fraction: None)
    shape = engine.choose_tree(decode).shape
    assert isinstance(shape, AutomaticTree)
    return shape


def test_what_it_finds_is_what_the_automatic_tree_begins_with(tune: Call, home: Path) -> None:
    record = tune("--temperature", "0", "--json").record
    trees = {(one["kind"], one["nodes"]): one for one in record["trees"]}
    assert set(trees) == {(kind, size) for kind in ("searched", "heads", "all") for size in SIZES}
    for one in record["trees"]:
        rate = one["accepted_per_step"] / one["seconds"]
        assert one["tokens_per_second"] == pytest.approx(rate)
        assert one["speedup"] == pytest.approx(rate * record["plain_seconds"])
        assert one["step_ratio"] == pytest.approx(one["seconds"] / record["plain_seconds"])
        assert one["accepted_per_step"] >= 1
    assert record["best"] == max(record["trees"], key=lambda one: one["tokens_per_second"])
    assert len(record["searched_paths"]) == 15
    assert len(record["head_accuracies"]) == 4
    tried = record["trial"]
    assert tried["best"]["name"] == f"{record['best']['kind']}, {record['best']['nodes']} nodes"
    assert tried["plain"]["speedup"] == 1.0
    assert tried["auto"]["tokens"] == tried["plain"]["tokens"] == 48

    tree = automatic(DecodeSettings(temperature=0))
    assert tree.grown.times.measured == {1: record["plain_seconds"]} | {
        size: trees["all", size]["seconds"] for size in SIZES
    }
    assert {size: one.tokens for size, one in tree.grown.beliefs.known.items()} == {
        size: trees["all", size]["accepted_per_step"] for size in SIZES
    }
    pays = any(
        trees["searched", size]["tokens_per_second"] > trees["all", size]["tokens_per_second"]
        for size in SIZES
    )
    assert (tree.searched is not None) == pays
    assert tree.paths == (record["searched_paths"] if pays else [])
    # Replies of another kind are another setup.
    assert automatic(DecodeSettings(temperature=1)).grown.times.measured == {}
    assert len(kept(home)) == 1


def test_the_tables_in_a_pipe(tune: Call) -> None:
    outcome = tune("--temperature", "0")
    assert outcome.status == 0, outcome.err
    assert "\x1b" not in outcome.out
    lines = outcome.out.splitlines()
    assert lines[1].split()[:3] == ["head", "rank", "1"]
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "4"]
    header = next(number for number, line in enumerate(lines) if line.startswith("nodes"))
    assert lines[header + 1].split()[:3] == ["1", "plain", "1.00"]
    rows = [line.split()[:2] for line in lines[header + 2 : header + 5]]
    assert rows == [["2", "searched"], ["2", "heads"], ["2", "all"]]
    assert "├── rank 1 of head 1  [0]" in outcome.out or "└── rank 1 of head 1" in outcome.out
    assert any(line.startswith("plain ") for line in lines)
    assert any(line.startswith("auto ") for line in lines)
    assert "--tree auto now begins" in outcome.out


def test_both_ways_of_choosing_tokens_unless_one_is_named(tune: Call, home: Path) -> None:
    outcome = tune("--json", "--most-prompts", "1")
    assert outcome.status == 0, outcome.err
    assert [one["settings"]["temperature"] for one in outcome.records] == [0.0, 0.7]
    assert [one["prompts"] for one in outcome.records] == [1, 1]
    assert len(kept(home)) == 2


def test_how_steps_are_run_depends_on_the_penalty(
    tune: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_choice, "launches", lambda _, penalty: f"penalty {penalty}")
    options = ("--json", "--most-prompts", "1", "--temperature", "0")
    assert tune(*options, "--repetition-penalty", "1.3").record["launches"] == "penalty 1.3"


def test_a_model_without_heads_grows_trees_from_its_text(tune: Call) -> None:
    record = tune("--model", str(TINY_LLAMA), "--temperature", "0", "--json").record
    assert {one["kind"] for one in record["trees"]} == {"all"}
    assert record["head_accuracies"] == record["searched_paths"] == []
    assert record["trial"]["best"]["accepted_per_step"] >= 1


class Pressed(Interrupt):
    """Ctrl+C, when it was asked so many times."""

    patience = 0
    asked = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "requested":
            Pressed.asked += 1
            return Pressed.asked > Pressed.patience
        return super().__getattribute__(name)


@pytest.mark.parametrize("patience", [0, 2, 10, 60])
def test_interrupted_it_keeps_nothing_that_is_not_whole(
    patience: int, tune: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "Interrupt", Pressed)
    monkeypatch.setattr(Pressed, "patience", patience)
    monkeypatch.setattr(Pressed, "asked", 0)
    outcome = tune("--temperature", "0", "--json")
    assert outcome.status == 130
    assert outcome.out == ""
    assert "Interrupted: nothing was kept for greedy replies." in outcome.err
    assert kept(home) == []


def test_interrupted_in_the_trial_it_keeps_what_was_found(
    tune: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "Interrupt", Pressed)
    monkeypatch.setattr(Pressed, "asked", 0)
    monkeypatch.setattr(Pressed, "patience", 10**9)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        Pressed.patience = 0
        return measure(*arguments, **options)

    monkeypatch.setattr(trial, "measure", interrupted)
    outcome = tune("--temperature", "0", "--json")
    assert outcome.status == 130
    (record,) = outcome.records
    assert record["trial"] is None
    assert "kept, but was not tried live" in outcome.err
    assert len(kept(home)) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--most-prompts", "0"), "--most-prompts 0 is out of range"),
        (("--rounds", "0"), "--rounds 0 is out of range"),
        (("--tree", "chain"), "leave out --tree"),
        (("--no-medusa",), "leave out --no-medusa"),
        (("--acceptance", "typical"), "leave out --acceptance"),
        (("--posterior-alpha", "0.3"), "leave out --posterior-alpha"),
        (("--prompts", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
        (("--temperature", "-1"), "--temperature -1.0 is out of range"),
        (("--model", str(TINY_LLAMA), "--draft", "heads"), "--draft heads has nothing to guess"),
    ],
)
def test_what_cannot_be_tuned(tune: Call, options: Sequence[str], said: str) -> None:
    outcome = tune(*options)
    assert outcome.status in (1, 2)
    assert said in outcome.said(outcome.status)


def test_help_offers_what_it_takes(call: Call) -> None:
    usage = call("tune", "--help").out.partition("\n\n")[0]
    offered = set(re.findall(r"--[a-z0-9-]+", usage))
    assert "--draft" in offered
    assert not offered & {f"--{name.replace('_', '-')}" for name in UNFIT}


def test_prompts_that_do_not_fit(tune: Call, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"prompt": "x y z " * 500}), "utf-8")
    said = tune("--prompts", str(file)).said(2)
    assert "None of the 1 prompts could be answered" in said
