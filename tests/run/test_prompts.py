"""Prompts from a file and from stdin."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Call

from medusa_chat.decoding.decoder import Decoder, Decoding
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError
from medusa_chat.run.prompts import from_file, from_stdin, single

SHORT = ("--max-new-tokens", "6", "--json")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prompts.jsonl"


def write(file: Path, *lines: object) -> str:
    """Write each line as it is, if bytes or text, and as JSON otherwise; return the path."""
    encoded = (
        line
        if isinstance(line, bytes)
        else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    )
    file.write_bytes(b"\n".join(encoded) + b"\n")
    return str(file)


def test_ids_and_both_forms(file: Path) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Who are you?"},
    ]
    prompts = list(
        from_file(write(file, {"prompt": "é"}, "", {"messages": messages, "id": "b", "more": 1}))
    )
    assert [prompt.id for prompt in prompts] == [1, "b"]
    assert prompts[0].messages == (ChatMessage("user", "é"),)
    assert prompts[1].messages == tuple(
        ChatMessage(message["role"], message["content"])  # type: ignore[arg-type]
        for message in messages
    )
    assert not any(prompt.error for prompt in prompts)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff",
        "{",
        "7",
        "[]",
        "null",
        "{}",
        {"prompt": 7},
        {"prompt": None},
        {"prompt": "a", "messages": []},
        {"messages": []},
        {"messages": "a"},
        {"messages": ["a"]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "wizard", "content": "a"}]},
        {"messages": [{"role": ["user"], "content": "a"}]},
        {"messages": [{"role": "user", "content": ["a"]}]},
        "[" * 100_000,
        "9" * 5000,
    ],
    ids=lambda line: str(line)[:30],
)
def test_line_that_is_no_prompt(line: object, file: Path) -> None:
    first, bad, last = from_file(write(file, {"prompt": "a"}, line, {"prompt": "b"}))
    assert (first.id, bad.id, last.id) == (1, 2, 3)
    assert bad.error is not None
    assert "line 2" in bad.error
    assert first.error is last.error is None


@pytest.mark.parametrize("given", [None, 1.5, True, [1], {}])
def test_id_of_another_kind_is_replaced(given: object, file: Path) -> None:
    (prompt,) = from_file(write(file, {"prompt": "a", "id": given}))
    assert prompt.id == 1


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.jsonl", tmp_path):
        with pytest.raises(MedusaChatError, match=str(path)):
            from_file(str(path))


@pytest.mark.parametrize("raw", [False, True])
def test_newline_at_the_end_of_stdin(raw: bool) -> None:
    for end in ("\n", "\r\n"):
        prompt = from_stdin(io.BytesIO(f"  a\n\nb{end}".encode()), raw=raw)
        assert prompt.messages[0].content == "  a\n\nb" + (end if raw else "")
    assert single("a\n").messages[0].content == "a\n"


def test_good_and_bad_lines_of_a_run(run: Call, file: Path) -> None:
    path = write(
        file,
        {"prompt": "Hello", "id": "first"},
        {"prompt": "  "},
        "not JSON",
        {"prompt": "\ud800"},
        {"prompt": "word " * 1000, "id": "long"},
        {"messages": [{"role": "user", "content": "Hello"}], "id": 0},
    )
    outcome = run("--prompts", path, *SHORT)
    assert outcome.status == 1
    records = outcome.records
    assert [record["id"] for record in records] == ["first", 2, 3, 4, "long", 0]
    assert [set(record) == {"id", "error"} for record in records] == [
        False,
        True,
        True,
        True,
        True,
        False,
    ]
    assert "empty" in records[1]["error"]
    assert "UTF-8" in records[3]["error"]
    assert "512" in records[4]["error"]
    assert records[0]["token_ids"] == records[5]["token_ids"]
    assert outcome.err == ""


def test_bad_lines_without_json_go_to_stderr(run: Call, file: Path) -> None:
    outcome = run("--prompts", write(file, "nonsense", {"prompt": "Hello"}), *SHORT[:2])
    assert outcome.status == 1
    assert outcome.out == run("Hello", *SHORT[:2]).out
    assert outcome.err.startswith("prompt 1: line 1 is not JSON")


def test_each_prompt_starts_from_nothing(
    run: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reused: list[int] = []
    start = Decoder.start

    def recorded_start(self: Decoder, *arguments: Any, **options: Any) -> Decoding:
        decoding = start(self, *arguments, **options)
        reused.append(decoding.reused_tokens)
        return decoding

    monkeypatch.setattr(Decoder, "start", recorded_start)
    path = write(file, *({"prompt": text} for text in ("Hello", "Hello there", "Hello")))
    outcome = run("--prompts", path, "--tree", "dynamic", *SHORT)
    assert outcome.status == 0
    assert reused == [0, 0, 0]
    first, _, last = outcome.records
    for name in ("token_ids", "bursts", "prompt_tokens"):
        assert first[name] == last[name]


def test_raw_takes_one_text_a_line(run: Call, file: Path) -> None:
    user = {"role": "user", "content": "def f("}
    path = write(file, {"prompt": "def f("}, {"messages": [user]}, {"messages": [user, user]})
    outcome = run("--prompts", path, "--raw", *SHORT)
    assert outcome.status == 1
    first, second, third = outcome.records
    assert first["token_ids"] == second["token_ids"]
    assert "2 messages" in third["error"]


def test_empty_file(run: Call, file: Path) -> None:
    file.touch()
    outcome = run("--prompts", str(file), *SHORT)
    assert (outcome.status, outcome.out) == (0, "")


@pytest.mark.parametrize("dash", [(), ("-",)], ids=["none", "dash"])
def test_prompt_from_stdin(dash: tuple[str, ...], run: Call) -> None:
    piped = run(*dash, *SHORT, stdin="Hellö\n".encode()).record
    given = run("Hellö", *SHORT).record
    assert piped["token_ids"] == given["token_ids"]
    assert piped["prompt_tokens"] == given["prompt_tokens"]


def test_stdin_is_left_alone_when_there_is_a_prompt(
    run: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("Hello", *SHORT, stdin=b"\xff").status == 0
    assert sys.stdin.buffer.read() == b"\xff"
