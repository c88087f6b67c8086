"""``medusa-chat bench`` as it is called: its options, its output, its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import HEADS, Call
from loopback_hub import Hub
from models.hub.conftest import hub as hub
from tiny_models import save_base

from medusa_chat.benchmark import command
from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.benchmark.modes import ModeContestant
from medusa_chat.models.registry import find
from medusa_chat.run.command import Interrupt


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    file = tmp_path / "prompts.jsonl"
    lines = [
        {"id": "a", "category": "list", "prompt": "def close(self):"},
        {"question_id": 82, "category": "code", "turns": ["def read(self):", "and write?"]},
    ]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return str(file)


def test_one_line_of_json_and_the_table_beside_it(bench: Call, prompts: str) -> None:
    outcome = bench("--prompts", prompts, "--modes", "plain,static,dynamic,auto", "--json")
    record = outcome.record
    assert [mode["name"] for mode in record["modes"]] == ["plain", "static", "dynamic", "auto"]
    assert record["suite"] == "chat"
    assert record["prompts"] == 3
    assert record["repeats"] == 1
    assert record["tokens_must_agree"]
    assert record["tokens_agree"]
    assert {one["name"]: one["identical"] for one in record["agreement"]} == dict.fromkeys(
        ("plain", "static", "dynamic", "auto"), 3
    )
    assert record["settings"]["temperature"] == 0
    assert record["settings"]["max_new_tokens"] == 8
    assert list(record["categories"]) == ["list", "code"]
    assert [one["prompts"] for one in record["categories"]["code"]] == [2, 2, 2, 2]
    assert record["machine"]["versions"].keys() >= {"python", "torch", "transformers"}
    assert record["command"].split()[0] == "medusa-chat"
    for mode in record["modes"]:
        assert mode["tokens"] == 24
        assert mode["tokens_per_second"] > 0
        assert mode["first_token_seconds"] > 0
        assert mode["bytes_per_step"] > 0
        rate = mode["bytes_per_step"] / mode["step_seconds"]
        assert mode["bytes_per_second"] == pytest.approx(rate)
        assert mode["fraction"] == pytest.approx(rate / record["copy_bytes_per_second"])
    for share in record["shares"]:
        assert share["forward"] + share["heads"] + share["rest"] == pytest.approx(1.0)
        assert 0 < share["forward"] < 1
        if share["name"] != "auto":  # which may find that plain decoding is the fastest
            assert (share["heads"] == 0) == (share["name"] == "plain")
    assert len(record["shares"]) == 4
    plain, *medusa, _ = record["modes"]
    assert plain["accepted_per_step"] == plain["speedup"] == plain["step_ratio"] == 1.0
    assert [one["nodes_per_step"] for one in record["modes"][:3]] == [1, 8, 8]
    assert all(mode["accepted_per_step"] > 1 for mode in medusa)
    assert "static: 3 of 3 replies are those of plain" in outcome.err


def test_a_table_in_a_pipe(bench: Call, prompts: str) -> None:
    outcome = bench("--prompts", prompts, "--modes", "plain,chain", "--peers", "transformers")
    assert outcome.status == 0
    assert "\x1b" not in outcome.out
    lines = outcome.out.splitlines()
    header = next(line for line in lines if line.startswith("mode"))
    assert header.split()[:3] == ["mode", "tok/s", "speed-up"]
    assert [line.split()[0] for line in lines[2:5]] == ["plain", "chain", "transformers"]
    assert "medians over 3 prompts, 1 run each" in lines[0]
    assert any(line.startswith("list (1)") for line in lines)
    assert any(line.startswith("code (2)") for line in lines)
    assert "transformers: 3 of 3 replies are those of plain" in outcome.out
    assert "dynamic cache, 1 thread" in outcome.out


@pytest.fixture
def wrong_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the mode ``chain`` say another second token."""
    answer = ModeContestant.answer

    def wrong_in_a_chain(
        contestant: ModeContestant, messages: Messages, cancelled: Callable[[], bool]
    ) -> Sample:
        right = answer(contestant, messages, cancelled)
        if contestant.name != "chain":
            return right
        first, second, *others = right.tokens
        return replace(right, tokens=(first, (second + 1) % 512, *others))

    monkeypatch.setattr(ModeContestant, "answer", wrong_in_a_chain)


@pytest.mark.usefixtures("wrong_chain")
def test_a_mode_that_differs_is_caught(bench: Call, prompts: str) -> None:
    outcome = bench("--prompts", prompts, "--modes", "plain,chain", "--json")
    assert outcome.status == 1
    (record,) = outcome.records
    assert not record["tokens_agree"]
    assert record["agreement"][0]["identical"] == 3
    assert record["agreement"][1]["identical"] == 0
    assert record["agreement"][1]["first"]["position"] == 1
    assert record["agreement"][1]["first"]["gap"] > 0
    assert "the tokens differ, which they must not in 32 bits" in outcome.err
    assert "first difference: prompt" in outcome.err


@pytest.mark.usefixtures("wrong_chain")
def test_in_16_bits_a_difference_is_told_and_no_failure(bench: Call, prompts: str) -> None:
    outcome = bench("--prompts", prompts, "--modes", "plain,chain", "--dtype", "bfloat16", "--json")
    record = outcome.record
    assert record["dtype"] == "bfloat16"
    assert not record["tokens_must_agree"]
    assert not record["tokens_agree"]
    plain, chain = record["agreement"]
    assert plain["identical"] == plain["replies"] == chain["replies"] == 3
    assert chain["identical"] == 0
    assert chain["first"]["position"] == 1
    assert chain["first"]["gap"] >= 0
    assert "chain: 0 of 3 replies are those of plain" in outcome.err
    assert "first difference: prompt" in outcome.err
    assert "must not in 32 bits" not in outcome.err


def test_typical_acceptance_is_not_compared(bench: Call, prompts: str) -> None:
    options = ("--acceptance", "typical", "--temperature", "0.9", "--json")
    record = bench("--prompts", prompts, "--modes", "dynamic,chain", *options).record
    assert record["agreement"] == []


def test_a_prompt_that_does_not_fit_is_counted_and_named(bench: Call, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    lines = [{"prompt": "x"}, {"id": "too long", "prompt": "x y z " * 500}]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    outcome = bench("--prompts", str(file), "--modes", "plain,chain", "--json")
    assert outcome.status == 1
    (record,) = outcome.records
    assert record["prompts"] == 1
    (skipped,) = record["skipped"]
    assert skipped["id"] == "too long"
    assert "fills the model's context of 512" in skipped["reason"]
    assert "1 not answered" in outcome.err


def test_no_prompt_that_fits(bench: Call, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"prompt": "x y z " * 500}), "utf-8")
    said = bench("--prompts", str(file), "--modes", "plain").said(2)
    assert "None of the 1 prompts could be answered" in said


def test_interrupted_it_prints_what_it_has(
    bench: Call, prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    class Pressed(Interrupt):
        """Ctrl+C in the middle of the second prompt."""

        def __getattribute__(self, name: str) -> Any:
            nonlocal asked
            if name == "requested":
                asked += 1
                return asked > 60
            return super().__getattribute__(name)

    monkeypatch.setattr(command, "Interrupt", Pressed)
    outcome = bench("--prompts", prompts, "--modes", "plain,chain", "--json")
    assert outcome.status == 130
    (record,) = outcome.records
    assert record["interrupted"]
    assert 1 <= record["prompts"] < 3
    assert "Interrupted" in outcome.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--modes", "plain,tall"), "neither a tree's name nor a file"),
        (("--modes", ","), "--modes is empty"),
        (("--modes", "plain,plain"), "--modes has 'plain' twice"),
        (("--peers", "vllm"), "--peers 'vllm' is not known"),
        (("--repeat", "0"), "--repeat 0 is out of range"),
        (("--per-category", "0"), "--per-category 0 is out of range"),
        (("--shape", "llama-9t"), "--shape 'llama-9t' is not known"),
        (("--suite", "all"), "invalid choice"),
        (("--tree", "chain"), "--modes instead of --tree"),
        (("--no-medusa",), "--modes instead of --no-medusa"),
        (("--temperature", "-1"), "--temperature -1.0 is out of range"),
        (("--prompts", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
    ],
)
def test_what_cannot_be_measured(bench: Call, options: Sequence[str], said: str) -> None:
    outcome = bench(*options)
    assert outcome.status in (1, 2)
    assert said in outcome.said(outcome.status)


def test_bad_lines_are_named_by_their_number(bench: Call, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "fine"}\nnot JSON\n', "utf-8")
    assert "line 2 is not a JSON object" in bench("--prompts", str(file)).said(2)


def test_steps_need_a_token_in_the_cache(call: Call) -> None:
    said = call("bench", "--suite", "steps", "--prefix", "0").said(2)
    assert "--prefix 0 is out of range" in said


def test_steps_of_a_random_shape(call: Call) -> None:
    options = ("--suite", "steps", "--shape", "builtin", "--repeat", "1", "--prefix", "16")
    record = call("bench", *options, "--json").record
    assert record["suite"] == "steps"
    assert record["model"] == "builtin"
    assert record["prefix_tokens"] == 16
    nodes = [one["nodes"] for one in record["steps"]]
    assert nodes[0] == 1
    assert nodes[-1] == 128
    assert nodes == sorted(nodes)
    # 5.5 million weights in 32 bits, and the keys and values of 16 tokens.
    assert 21.5e6 < record["bytes_per_step"] < 22.5e6


def test_a_replay_scores_every_tree(bench: Call, prompts: str) -> None:
    outcome = bench("--suite", "replay", "--prompts", prompts, "--json")
    record = outcome.record
    assert record["suite"] == "replay"
    assert record["prompts"] == {"list": 1, "code": 1, "all": 2}
    scores = {(one["category"], one["method"], one["nodes"]): one for one in record["scores"]}
    assert {size for _, _, size in scores} == {8, 16, 32, 64, 128}
    assert {"mc_sim_7b_63", "searched", "MEDUSA+", "heads"} <= {name for _, name, _ in scores}
    for (category, method, nodes), one in scores.items():
        assert one["accepted_per_step"] >= 1
        if category == "all":
            assert one["tokens"] == 16
            parts = [scores[kind, method, nodes]["steps"] for kind in ("list", "code")]
            assert one["steps"] == sum(parts)
    assert "By category, 8 nodes" in outcome.err


def test_the_gpu_suite_needs_a_gpu(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = call("bench", "--suite", "gpu").said(1)
    assert "--suite gpu needs a CUDA device" in said


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (("--model", HEADS), "--load-in-4bit, a smaller --context or a smaller --model."),
        (("--shape", "builtin"), "--load-in-4bit, a smaller --context or a smaller --shape."),
    ],
)
def test_memory_that_runs_out_is_told_in_words(
    options: tuple[str, str], remedy: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.")

    monkeypatch.setattr("medusa_chat.benchmark.command._loaded", fail)
    said = call("bench", "--suite", "steps", *options).said(1)
    name = "a random builtin" if "--shape" in options else HEADS
    assert f"Out of memory while {name} was measured (CUDA out of memory. Tried" in said
    assert remedy in said
    assert "More." not in said


def test_another_name_of_a_model_is_told_once(
    call: Call, hub: Hub, prompts: str, tmp_path: Path
) -> None:
    name = "FasterDecoding/medusa-v1.0-vicuna-7b-v1.5"
    alias = "FasterDecoding/medusa-1.0-vicuna-7b-v1.5"
    hub.folders[name] = hub.revisions[name, "conversion"] = save_base(tmp_path / "base", "llama")
    known = find(alias)
    assert known is not None
    assert known.revision is not None
    hub.commits["conversion"] = known.revision
    options = ("--model", alias, "--prompts", prompts, "--modes", "plain", "--template", "vicuna")
    short = ("--repeat", "1", "--max-new-tokens", "2")
    for _ in ("fetched", "here"):
        outcome = call("bench", *options, *short)
        assert outcome.status == 0, outcome.err
        assert outcome.err.count(f"{alias} is called {name}") == 1
