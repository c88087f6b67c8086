"""``medusa-chat distill`` as it is called."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import HEADS, REPOSITORY, Call, environment, finish, start

from medusa_chat.distillation.arguments import DECODE_DEFAULTS, UNFIT
from medusa_chat.distillation.batched_writer import BatchedWriter
from medusa_chat.training.records import Problems, read_records

from .scripted_chat_server import ScriptedServer

OPTIONS = (
    *("--model", HEADS, "--max-new-tokens", "12", "--truncated", "mark"),
    # Some of what it says comes to an end by these.
    *("--stop", "_", "--stop", "l", "--stop", ")"),
)


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    file = tmp_path / "prompts.jsonl"
    lines: list[dict[str, Any]] = [
        {"turns": [f"def read_{at}(self):", f"def write_{at}(self):"][: 1 + at % 2]}
        for at in range(10)
    ]
    lines[3] = {"data": ["def a(self):", "    return 1\n", "def b(self):", "    return 2\n"]}
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return str(file)


def records(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_bytes().splitlines()]


def by_id(output: Path) -> dict[int, dict[str, Any]]:
    lines = records(output)
    found = {line["id"]: line for line in lines}
    assert len(found) == len(lines), "a dialogue is there twice"
    return found


def test_training_reads_what_it_writes(call: Call, prompts: str, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    outcome = call("distill", "--prompts", prompts, "--output", str(output), *OPTIONS)
    assert outcome.status == 0, outcome.err
    assert outcome.out == ""
    assert "10 dialogues for" in outcome.err
    assert "10 answers at once, plainly" in outcome.err
    problems = Problems()
    read = list(read_records(output, problems))
    assert len(read) == 10
    assert problems.count == 0
    lines = by_id(output)
    lengths = {number: len(line["messages"]) for number, line in lines.items()}
    assert set(lengths.values()) == {2, 4}
    assert all(number % 2 for number, length in lengths.items() if length == 4)
    assert [one["role"] for one in lines[3]["messages"]][:2] == ["user", "assistant"]
    assert lines[3]["messages"][1]["content"] != "    return 1\n"
    assert any("truncated" in line for line in lines.values())
    assert {line["model"] for line in lines.values()} == {HEADS}
    assert {line["temperature"] for line in lines.values()} == {0.0, 0.7}
    # The same command has nothing left to do.
    again = call("distill", "--prompts", prompts, "--output", str(output), *OPTIONS)
    assert again.status == 0
    assert "is finished" in again.err
    assert len(records(output)) == 10


def test_one_by_one_it_writes_the_same(call: Call, prompts: str, tmp_path: Path) -> None:
    outputs = []
    for name, options in (("a", ()), ("b", ("--batch-size", "1")), ("c", ("--batch-size", "3"))):
        outputs.append(tmp_path / f"{name}.jsonl")
        arguments = ("--prompts", prompts, "--output", str(outputs[-1]), *OPTIONS, *options)
        assert call("distill", *arguments).status == 0
    assert by_id(outputs[0]) == by_id(outputs[1]) == by_id(outputs[2])


def test_one_answer_at_a_cut(call: Call, prompts: str, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    options = ("--one-turn", "--dialogues", "6", "--greedy-share", "1")
    outcome = call("distill", "--prompts", prompts, "--output", str(output), *OPTIONS, *options)
    assert outcome.status == 0, outcome.err
    lines = by_id(output)
    assert len(lines) == 6
    assert {line["temperature"] for line in lines.values()} == {0.0}
    for number, line in lines.items():
        asked = line["messages"][0]["content"]
        assert asked in (f"def read_{number}(self):", "def a(self):")
        if len(line["messages"]) == 4:
            assert line["messages"][1]["content"] == "    return 1\n"


def test_an_interrupted_run_goes_on(
    call: Call, prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert call("distill", "--prompts", prompts, "--output", str(whole), *OPTIONS).status == 0
    arguments = ("--prompts", prompts, "--output", str(output), *OPTIONS, "--batch-size", "3")
    replies = BatchedWriter.replies

    def pressed(writer: BatchedWriter, *others: Any) -> Any:
        if output.stat().st_size:
            signal.raise_signal(signal.SIGINT)
        return replies(writer, *others)

    with monkeypatch.context() as patched:
        patched.setattr(BatchedWriter, "replies", pressed)
        outcome = call("distill", *arguments)
    assert outcome.status == 130
    assert "The same command goes on from there" in outcome.err
    assert 0 < len(records(output)) < 10
    with output.open("ab") as file:
        file.write(b'{"id": 3, "messages": [{"role"')
    outcome = call("distill", *arguments)
    assert outcome.status == 0
    assert "Going on:" in outcome.err
    assert by_id(output) == by_id(whole)


def test_a_killed_run_goes_on(call: Call, prompts: str, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    many = tmp_path / "many.jsonl"
    many.write_text(Path(prompts).read_text("utf-8") + "\n" + '{"prompt": "x"}\n' * 40, "utf-8")
    files = ("--prompts", str(many), "--output", str(output))
    arguments = ("distill", *files, *OPTIONS, "--batch-size", "1")
    process = start(*arguments, env=environment(MEDUSA_CHAT_HOME=str(tmp_path / "home")))
    while process.poll() is None and not (output.exists() and output.stat().st_size):
        time.sleep(0.01)
    process.kill()
    finish(process)
    assert 1 <= len(output.read_bytes().splitlines()) <= 50
    outcome = call(*arguments)
    assert outcome.status == 0, outcome.err
    assert sorted(by_id(output)) == list(range(50))


def test_other_options_are_another_run(call: Call, prompts: str, tmp_path: Path) -> None:
    arguments = ("--prompts", prompts, "--output", str(tmp_path / "out.jsonl"), *OPTIONS)
    assert call("distill", *arguments).status == 0
    assert "temperature: 0.7, now 1.0" in call("distill", *arguments, "--temperature", "1").said(2)


def test_by_a_server(
    call: Call, prompts: str, tmp_path: Path, server: ScriptedServer, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    output = tmp_path / "out.jsonl"
    arguments = ("--prompts", prompts, "--output", str(output), "--server", server.url)
    options = ("--key-variable", "SOME_KEY", "--system", "Be brief.", "--batch-size", "2")
    outcome = call("distill", *arguments, *options)
    assert outcome.status == 0, outcome.err
    lines = by_id(output)
    assert len(lines) == 10
    assert {line["model"] for line in lines.values()} == {"small"}
    roles = [one["role"] for one in lines[3]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert lines[3]["messages"][2]["content"].startswith("To 'def a(self):', 2 messages")
    assert set(server.keys) == {"Bearer secret"}
    seeds = {one["seed"] for one in server.requests}
    assert lines[3]["seed"] in seeds


def test_a_server_that_ends_leaves_what_is_written(
    call: Call, prompts: str, tmp_path: Path, server: ScriptedServer
) -> None:
    output = tmp_path / "out.jsonl"
    arguments = ("--prompts", prompts, "--output", str(output), "--server", server.url)
    options = ("--batch-size", "1", "--retries", "0", "--one-turn")
    server.refused = "def read_0(self):"
    answer, server.models = server.answer, ["small"]

    def ending(body: dict[str, Any]) -> dict[str, Any]:
        if len(server.requests) == 6:
            server.failures = [(500, b"gone", {})] * 99
        return answer(body)

    server.answer = ending  # type: ignore[method-assign]
    assert "500 (gone)" in call("distill", *arguments, *options).err
    written = len(records(output))
    assert written >= 1
    server.failures, server.answer = [], answer  # type: ignore[method-assign]
    outcome = call("distill", *arguments, *options)
    assert outcome.status == 0, outcome.err
    assert sorted(by_id(output)) == list(range(1, 10))
    (left_out,) = (
        json.loads(line)
        for line in (tmp_path / "out.jsonl.state").read_text("utf-8").splitlines()
        if "left_out" in line
    )
    assert left_out == {"left_out": 0, "reason": "400 (the prompt is too long)"}


def test_a_killed_run_asks_a_server_for_nothing_twice(
    call: Call, tmp_path: Path, server: ScriptedServer
) -> None:
    """Three dialogues of five turns: the ninth answer does not come before the kill."""
    prompts, output = tmp_path / "prompts.jsonl", tmp_path / "out.jsonl"
    state = tmp_path / "out.jsonl.state"
    turns = [[f"{name}{turn}" for turn in range(5)] for name in "abc"]
    prompts.write_text("".join(json.dumps({"turns": one}) + "\n" for one in turns), "utf-8")
    files = ("--prompts", str(prompts), "--output", str(output))
    arguments = ("distill", *files, "--server", server.url, "--batch-size", "1")
    answer, goes_on = server.answer, threading.Event()

    def stalling(body: dict[str, Any]) -> dict[str, Any]:
        if len(server.requests) == 9:
            goes_on.wait(60)
        return answer(body)

    server.answer = stalling  # type: ignore[method-assign]
    home = {"MEDUSA_CHAT_HOME": str(tmp_path / "home"), "no_proxy": "127.0.0.1"}
    process = start(*arguments, env=environment(**home))
    try:
        while process.poll() is None and not (
            state.exists() and state.read_bytes().count(b"\n") > 8
        ):
            time.sleep(0.01)
    finally:
        process.kill()
        finish(process)
        goes_on.set()
    assert output.read_bytes() == b""
    asked = [one["messages"][-1]["content"] for one in server.requests]
    with state.open("ab") as file:
        file.write(b'{"answered": 0, "tu')
    server.requests.clear()
    outcome = call(*arguments, "--batch-size", "3")
    assert outcome.status == 0, outcome.err
    assert f"The last line of {state} was damaged" in outcome.err
    assert "Going on: 0 of 3 dialogues are done, and 8 answers of others." in outcome.err
    again = [one["messages"][-1]["content"] for one in server.requests]
    assert sorted(asked[:8] + again) == sorted(turn for one in turns for turn in one)
    server.requests.clear()
    whole = tmp_path / "whole.jsonl"
    assert call(*arguments, "--output", str(whole)).status == 0
    assert len(server.requests) == 15
    assert by_id(output) == by_id(whole)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--greedy-share", "2"), "--greedy-share 2.0 is out of range"),
        (("--dialogues", "0"), "--dialogues 0 is out of range"),
        (("--batch-size", "0"), "--batch-size 0 is out of range"),
        (("--server", "nowhere"), "--server 'nowhere' is no address"),
        (("--server", "http://a", "--timeout", "0"), "--timeout 0.0 is out of range"),
        (("--server", "http://a", "--retries", "-1"), "--retries -1 is out of range"),
        (("--raw",), "leave out --raw"),
        (("--acceptance", "typical"), "leave out --acceptance"),
        (("--max-new-tokens", "0"), "--max-new-tokens 0 is out of range"),
    ],
)
def test_what_cannot_be_asked_for(
    call: Call, prompts: str, tmp_path: Path, options: Sequence[str], said: str
) -> None:
    output = tmp_path / "out.jsonl"
    arguments = ("--prompts", prompts, "--output", str(output), *options)
    assert said in call("distill", *arguments).said(2)
    assert not output.exists()


def test_help_offers_what_it_takes(call: Call) -> None:
    said = " ".join(call("distill", "--help").out.split())
    assert not [name for name in UNFIT if f"--{name.replace('_', '-')} " in said]
    for option, default in DECODE_DEFAULTS.items():
        assert re.search(rf"--{option} [A-Z] [^-]*default: {default}\b", said), option
    completed = call("completion", "fish").out.splitlines()
    assert not [line for line in completed if "SUPPRESS" in line]


def test_the_readme_names_options_that_there_are(call: Call) -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    training = readme.partition("## Training heads")[2].partition("\n## ")[0]
    offered = call("distill", "--help").out + call("train", "--help").out
    # Of accelerate, and of convert.
    elsewhere = {"--cpu", "--multi_gpu", "--num_processes", "--to"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", training)) - elsewhere
    assert len(named) > 20
    assert not {one for one in named if not re.search(rf"{one}(?![\w-])", offered)}


def test_where_nothing_is_kept(call: Call, prompts: str, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    options = ("--model", HEADS, "--max-new-tokens", "1", "--dialogues", "2")
    outcome = call("distill", "--prompts", prompts, "--output", str(output), *options)
    assert outcome.status == 1
    assert "Answers that came to no end, left out: 2. A higher --max-new-tokens" in outcome.err
    assert "Dialogues of which nothing is kept: " in outcome.err


def test_prompts_that_are_the_output(call: Call, prompts: str) -> None:
    said = call("distill", "--prompts", prompts, "--output", prompts).said(2)
    assert "is one of --prompts" in said
