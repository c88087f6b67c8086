"""``medusa-chat run``: its options, and what ``--json`` says."""

from __future__ import annotations

import io
import itertools
import json
import math
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import HEADS, Call
from golden_data import END_OF_TEXT, TINY_LLAMA, read, tiny_llama_tokenizer

from medusa_chat.decoding import decoder
from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.drafting import Drafter

ENDS_AFTER_NINE = "def __repr__(self):\n    return "
ENDS_AT_ONCE = "def get(self, key, default=None):\n    try:\n"
LONG = 'def read(self, size=-1):\n    """Read'
FIELDS = (
    *("id", "text", "prompt_tokens", "token_ids", "bursts", "accepted_per_step", "steps"),
    *("tokens_per_second", "prefill_seconds", "decode_seconds", "stop_reason", "mode", "tree"),
    *("draft", "acceptance", "temperature", "seed", "model", "dtype", "device", "steps_run"),
)


def text_of(ids: list[int]) -> str:
    text: str = tiny_llama_tokenizer().decode(ids, skip_special_tokens=True)
    return text


def check(record: dict[str, Any]) -> dict[str, Any]:
    """Check what holds for every reply."""
    assert record.keys() >= set(FIELDS)
    bursts, ids = record["bursts"], record["token_ids"]
    assert [token for burst in bursts for token in burst] == ids
    assert all(bursts)
    assert record["steps"] == len(bursts)
    assert math.isclose(record["accepted_per_step"], len(ids) / len(bursts))
    if record["mode"] == "plain":
        assert record["accepted_per_step"] == 1.0
        assert record["tree"] == "root"
    if record["stop_reason"] == "eos":
        assert ids[-1] == END_OF_TEXT
    assert record["prefill_seconds"] > 0
    assert record["decode_seconds"] >= 0
    if len(ids) > 1 and record["decode_seconds"]:
        speed = (len(ids) - 1) / record["decode_seconds"]
        assert math.isclose(record["tokens_per_second"], speed)
    return record


def test_answer_goes_to_stdout_and_figures_to_stderr(run: Call) -> None:
    answer = run("def __init__(self, ", "--max-new-tokens", "12")
    record = run("def __init__(self, ", "--max-new-tokens", "12", "--json").record
    assert answer.status == 0
    assert answer.out == record["text"] + "\n"
    assert len(answer.err.splitlines()) == 1
    assert "12 tokens" in answer.err
    assert "accepted/step" in answer.err
    assert answer.err.rstrip().endswith("length")


def test_json(run: Call) -> None:
    record = check(run(LONG, "--raw", "--max-new-tokens", "20", "--json").record)
    assert record["id"] == 1
    assert record["mode"] == "medusa"
    assert record["tree"] == "auto"
    assert record["draft"] == "all"
    assert record["acceptance"] == "exact"
    assert record["temperature"] == 0
    assert record["model"] == HEADS
    assert (record["dtype"], record["device"]) == ("float32", "cpu")
    assert record["stop_reason"] == "length"
    assert len(record["token_ids"]) == 20


def test_how_steps_were_run_is_said(run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of it on a CPU."""
    monkeypatch.setattr(decoder, "launches", lambda _forward, penalty: f"penalty {penalty}")
    options = (LONG, "--raw", "--max-new-tokens", "2", "--repetition-penalty", "1.3")
    assert " · penalty 1.3 · " in run(*options).err
    assert check(run(*options, "--json").record)["steps_run"] == "penalty 1.3"


@pytest.mark.parametrize("tree", ["mc_sim_7b_63", "zephyr_stage2", "vicuna_7b_stage2"])
@pytest.mark.parametrize("item", [0, 2, 8])
def test_reference_replies(tree: str, item: int, run: Call) -> None:
    prompt = read("medusa/gen/prompts.json")[item]
    expected = read("medusa/gen/tiny-llama.json")["items"][item]["greedy"][tree]
    most = len(expected["new_ids"])
    options = ("--raw", "--tree", tree, "--json", "--ignore-eos", "--max-new-tokens", str(most))
    record = check(run(prompt, *options).record)
    assert record["token_ids"] == expected["new_ids"]
    assert record["steps"] == expected["n_steps"]
    assert record["tree"] == tree


@pytest.mark.parametrize(
    "sampling",
    [
        ("--temperature", "0", "--seed", "7"),
        ("--temperature", "0.8", "--seed", "7"),
        ("--temperature", "1.2", "--seed", "7", "--top-p", "0.9", "--top-k", "20"),
    ],
    ids=["greedy", "seeded", "top-p and top-k"],
)
@pytest.mark.parametrize("prompt", ["Hello", LONG])
def test_text_is_the_same_with_medusa_on_and_off(
    prompt: str, sampling: tuple[str, ...], call: Call
) -> None:
    options = (prompt, "--model", HEADS, "--max-new-tokens", "60", "--json", *sampling)
    plain = check(call("run", "--no-medusa", *options).record)
    assert plain["mode"] == "plain"
    for tree in ("dynamic", "mc_sim_7b_63", "chain", "root"):
        medusa = check(call("run", "--tree", tree, *options).record)
        assert medusa["mode"] == ("plain" if tree == "root" else "medusa")
        for name in ("text", "token_ids", "stop_reason", "seed"):
            assert medusa[name] == plain[name], (tree, name)


def test_end_of_text_is_a_token_but_no_text(run: Call) -> None:
    record = check(run(ENDS_AFTER_NINE, "--raw", "--json").record)
    assert record["stop_reason"] == "eos"
    assert record["token_ids"].index(END_OF_TEXT) == 8
    assert record["text"] == text_of(record["token_ids"][:-1])


def test_root_that_ends_the_reply_is_a_burst(run: Call) -> None:
    record = check(run(ENDS_AT_ONCE, "--raw", "--json").record)
    assert record["bursts"] == [[END_OF_TEXT]]
    assert record["text"] == ""


def test_ignoring_the_end_of_text(run: Call) -> None:
    options = ("--raw", "--ignore-eos", "--max-new-tokens", "30", "--json")
    record = check(run(ENDS_AFTER_NINE, *options).record)
    assert record["stop_reason"] == "length"
    assert record["token_ids"][8] == END_OF_TEXT
    assert len(record["token_ids"]) == 30


@pytest.mark.parametrize("medusa", [(), ("--no-medusa",)], ids=["medusa", "plain"])
@pytest.mark.parametrize("stop", ["the list", "ist of", " ", "t"])
def test_stop_string_is_in_no_text(stop: str, medusa: tuple[str, ...], run: Call) -> None:
    free = run(LONG, "--raw", "--max-new-tokens", "60", "--json").record["text"]
    options = ("--raw", "--json", "--stop", "never", "--stop", stop, *medusa)
    record = check(run(LONG, "--max-new-tokens", "60", *options).record)
    assert record["text"] == free[: free.index(stop)]
    assert record["stop_reason"] == "stop"
    assert stop in text_of(record["token_ids"])
    assert stop not in text_of(record["token_ids"][:-1])
    streamed = run(LONG, "--raw", "--max-new-tokens", "60", "--stop", stop, *medusa).out
    assert streamed == record["text"] + "\n"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_limit_cuts_the_last_burst(limit: int, run: Call) -> None:
    options = ("--raw", "--json", "--tree", "dynamic", "--max-new-tokens")
    whole = run(LONG, *options, "40").record
    record = check(run(LONG, *options, str(limit)).record)
    assert record["stop_reason"] == "length"
    assert record["token_ids"] == whole["token_ids"][:limit]
    assert record["text"] == text_of(record["token_ids"])
    cut = record["bursts"][-1]
    assert cut == whole["bursts"][record["steps"] - 1][: len(cut)]


@pytest.mark.parametrize("medusa", [(), ("--no-medusa",)], ids=["medusa", "plain"])
def test_full_context_ends_the_reply_at_the_same_token(medusa: tuple[str, ...], run: Call) -> None:
    options = ("--ignore-eos", "--max-new-tokens", "1000", "--json", *medusa)
    record = check(run("Hello", *options).record)
    assert record["stop_reason"] == "context"
    assert record["prompt_tokens"] + len(record["token_ids"]) == 512


def test_seed_repeats_and_another_differs(call: Call) -> None:
    options = ("run", LONG, "--model", HEADS, "--max-new-tokens", "30", "--json")
    first = call(*options).record
    assert first["temperature"] == 0.7
    again = call(*options, "--seed", str(first["seed"])).record
    other = call(*options, "--seed", str(first["seed"] + 1)).record
    assert again["token_ids"] == first["token_ids"]
    assert other["token_ids"] != first["token_ids"]
    assert call(*options).record["seed"] != first["seed"]


def test_raw_continues_the_prompt_as_it_stands(run: Call) -> None:
    raw = run("  Hello  ", "--raw", "--json", "--max-new-tokens", "1").record
    chat = run("  Hello  ", "--json", "--max-new-tokens", "1").record
    assert raw["prompt_tokens"] == len(tiny_llama_tokenizer()("  Hello  ")["input_ids"])
    assert chat["prompt_tokens"] > raw["prompt_tokens"]


def test_system_message(run: Call) -> None:
    without = run("Hello", "--json", "--max-new-tokens", "1").record["prompt_tokens"]
    with_it = run("Hello", "--system", "Be brief.", "--json", "--max-new-tokens", "1").record
    extra = tiny_llama_tokenizer()("Be brief. ", add_special_tokens=False)["input_ids"]
    assert with_it["prompt_tokens"] == without + len(extra)


@pytest.mark.parametrize(
    ("options", "tree", "size"),
    [
        ((), "auto", 16),
        (("--tree", "dynamic"), "dynamic", 8),
        (("--tree", "auto", "--tree-size", "20"), "dynamic", 20),
        (("--tree-size", "1"), "root", 1),
        (("--tree", "chain"), "chain", 5),
        (("--tree", "chain", "--tree-size", "3"), "chain", 3),
        (("--tree", "mc_sim_7b_63"), "mc_sim_7b_63", 64),
        (("--tree", "mc_sim_7b_63", "--tree-size", "8"), "mc_sim_7b_63", 8),
    ],
)
def test_trees(options: tuple[str, ...], tree: str, size: int, run: Call) -> None:
    record = check(run("Hello", "--json", "--max-new-tokens", "10", *options).record)
    assert (record["tree"], record["tree_size"]) == (tree, size)
    assert record["nodes_per_step"] == size or (tree == "auto" and record["nodes_per_step"] < size)


def test_tree_of_a_file(run: Call, tmp_path: Path) -> None:
    file = tmp_path / "my tree.json"
    file.write_text(json.dumps([[0], [1], [0, 0]]))
    record = check(run("Hello", "--json", "--tree", str(file), "--max-new-tokens", "10").record)
    assert (record["tree"], record["tree_size"]) == (str(file), 4)


def test_typical_acceptance(call: Call) -> None:
    options: tuple[str, ...]
    options = ("run", LONG, "--model", HEADS, "--acceptance", "typical", "--seed", "1", "--json")
    options += ("--max-new-tokens", "40")
    strict = check(call(*options, "--posterior-threshold", "1", "--posterior-alpha", "1").record)
    loose = check(call(*options, "--posterior-threshold", "0", "--posterior-alpha", "0").record)
    assert strict["acceptance"] == loose["acceptance"] == "typical"
    assert loose["accepted_per_step"] > strict["accepted_per_step"]


def test_base_alone(call: Call) -> None:
    options = ("--no-medusa", "--temperature", "0", "--max-new-tokens", "8", "--json")
    record = check(call("run", "Hello", "--model", str(TINY_LLAMA), *options).record)
    assert record["mode"] == "plain"
    assert record["model"] == str(TINY_LLAMA)


def test_base_model_dtype_and_device(run: Call) -> None:
    options = ("--base-model", str(TINY_LLAMA), "--dtype", "bfloat16", "--device", "cpu")
    record = check(run("Hello", "--max-new-tokens", "8", "--json", *options).record)
    assert (record["dtype"], record["device"]) == ("bfloat16", "cpu")


def test_interrupt_ends_this_reply_and_begins_no_other(
    run: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "one"}\n{"prompt": "two"}\n{"prompt": "three"}\n')
    options = (
        "--prompts",
        str(prompts),
        "--json",
        "--ignore-eos",
        "--max-new-tokens",
        "40",
        "--draft",
        "heads",
        "--tree",
        "dynamic",  # as many steps each time
    )
    whole = run(*options).records
    drafts = itertools.count(1)
    draft = Drafter.draft

    def interrupted_draft(self: Drafter, *arguments: Any) -> Draft:
        if next(drafts) == whole[0]["steps"] + 5:
            signal.raise_signal(signal.SIGINT)
        return draft(self, *arguments)

    monkeypatch.setattr(Drafter, "draft", interrupted_draft)
    outcome = run(*options)
    assert outcome.status == 130
    first, second = outcome.records
    assert first["token_ids"] == whole[0]["token_ids"]
    assert check(second)["stop_reason"] == "cancelled"
    assert second["token_ids"] == whole[1]["token_ids"][: len(second["token_ids"])]
    assert 0 < len(second["token_ids"]) < 40


def test_output_that_cannot_hold_the_text(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii")
    options = ("--temperature", "4", "--seed", "1", "--ignore-eos", "--max-new-tokens", "50")
    text = call("run", LONG, "--model", HEADS, *options).out
    assert not text.isascii()
    monkeypatch.setattr(sys, "stdout", ascii_only)
    assert call("run", LONG, "--model", HEADS, *options).status == 0
    written = ascii_only.buffer.getvalue()
    assert written.decode() == text.encode("ascii", "replace").decode()
