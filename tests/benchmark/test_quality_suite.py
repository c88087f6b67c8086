"""``bench --suite quality`` on a small model, alone and beside another one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Call
from golden_data import TINY_LLAMA, tiny_llama, tiny_llama_tokenizer
from tiny_models import save_base

from medusa_chat.benchmark import command
from medusa_chat.benchmark.contestant import Messages, Sample
from medusa_chat.benchmark.modes import ModeContestant
from medusa_chat.run.command import Interrupt

TEXT = "def read(self, size):\n    return self.file.read(size)\n" * 4


@pytest.fixture
def quality(bench: Call, tmp_path: Path) -> Call:
    """Run the suite on two questions and a short text."""
    prompts, text = tmp_path / "question.jsonl", tmp_path / "text.txt"
    lines = [
        {"question_id": 81, "category": "code", "turns": ["def close(self):", "and open?"]},
        {"question_id": 82, "category": "list", "turns": ["def read(self):"]},
    ]
    prompts.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    text.write_text(TEXT, "utf-8")
    files = ("--prompts", str(prompts), "--text", str(text), "--output", str(tmp_path / "out"))

    def quality(*arguments: str) -> Any:
        return bench("--suite", "quality", *files, *arguments)

    return quality


def answers(folder: Path, mode: str) -> list[dict[str, Any]]:
    (file,) = (folder / "out").glob(f"*tiny-llama-heads-v01-{mode}.jsonl")
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_a_model_alone(quality: Call, tmp_path: Path) -> None:
    outcome = quality("--modes", "plain,dynamic", "--json")
    record = outcome.record
    assert record["suite"] == "quality"
    ids = tiny_llama_tokenizer()(TEXT, return_tensors="pt")["input_ids"]
    expected = math.exp(float(tiny_llama()(input_ids=ids, labels=ids).loss.detach()))
    assert record["perplexity"] == pytest.approx(expected, rel=1e-3)
    assert record["text_tokens"] == ids.shape[1] - 1
    plain, dynamic = record["modes"]
    assert (plain["name"], dynamic["name"]) == ("plain", "dynamic")
    assert plain["answers"] == plain["identical"] == dynamic["identical"] == 3
    assert plain["accepted_per_step"] == 1.0
    assert dynamic["accepted_per_step"] > 1
    assert record["against"] is None
    first, second = answers(tmp_path, "plain")
    assert first["question_id"] == 81
    assert [len(first["choices"][0][name]) for name in ("turns", "idxs")] == [2, 2]
    assert first["choices"][0]["idxs"] == first["choices"][0]["new_tokens"] == [8, 8]
    assert second["choices"][0]["new_tokens"] == [8]
    by_medusa = answers(tmp_path, "dynamic")[0]["choices"][0]
    assert by_medusa["turns"] == first["choices"][0]["turns"]
    assert sum(by_medusa["idxs"]) < 16
    total = sum(first["choices"][0]["new_tokens"]) + 8
    seconds = sum(first["choices"][0]["wall_time"]) + sum(second["choices"][0]["wall_time"])
    assert plain["tokens_per_second"] == pytest.approx(total / seconds)
    assert "3 of 3" in outcome.err


def test_usually_plain_beside_the_automatic_tree(quality: Call, tmp_path: Path) -> None:
    outcome = quality("--per-category", "1")
    assert outcome.status == 0
    assert {file.name.rpartition("-")[2] for file in (tmp_path / "out").iterdir()} == {
        "plain.jsonl",
        "auto.jsonl",
    }
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Perplexity of a text: ")
    assert lines[1].split() == ["model", "perplexity", "bits/byte"]
    assert any(line.split()[:1] == ["auto"] for line in lines)


def test_beside_the_model_that_it_was(quality: Call, tmp_path: Path) -> None:
    record = quality("--modes", "plain,chain", "--against", str(TINY_LLAMA), "--json").record
    other = record["against"]
    assert other["model"] == str(TINY_LLAMA)
    # The heads leave their base as it is.
    assert record["perplexity_ratio"] == pytest.approx(1.0)
    assert other["perplexity"] == pytest.approx(record["perplexity"])
    assert other["identical_plain_answers"] == 3
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_model_that_is_worse_shows(quality: Call, tmp_path: Path) -> None:
    worse = save_base(tmp_path / "worse", "llama")
    outcome = quality("--modes", "plain", "--against", str(worse))
    assert outcome.status == 0
    assert "times the perplexity of" in outcome.out
    times = float(outcome.out.partition(" has ")[2].split()[0])
    assert times < 0.5
    assert "plain answers 0 of 3 are the same" in outcome.out


def test_other_tokens_are_not_compared(
    quality: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medusa_chat.models.chat_format import ChatFormat

    encode, seen = ChatFormat.encode_raw, []

    def shorter(chat_format: ChatFormat, text: str) -> list[int]:
        if text != TEXT:
            return encode(chat_format, text)
        seen.append(text)
        return encode(chat_format, text)[: -len(seen)]

    monkeypatch.setattr(ChatFormat, "encode_raw", shorter)
    outcome = quality("--modes", "plain", "--against", str(TINY_LLAMA), "--json")
    assert outcome.record["perplexity_ratio"] is None
    assert "compare the bits a byte alone" in outcome.err


def test_a_mode_that_differs_is_caught(quality: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ModeContestant.answer

    def wrong(
        contestant: ModeContestant, messages: Messages, cancelled: Callable[[], bool]
    ) -> Sample:
        right = answer(contestant, messages, cancelled)
        if contestant.name != "chain" or len(messages) == 1:
            return right
        return replace(right, tokens=(*right.tokens[:-1], right.tokens[-1] + 1))

    monkeypatch.setattr(ModeContestant, "answer", wrong)
    outcome = quality("--modes", "plain,chain", "--json")
    assert outcome.status == 1
    (record,) = outcome.records
    assert record["modes"][1]["identical"] == 2
    assert record["modes"][1]["first_difference"] == "81, turn 2"
    assert "the tokens differ, which they must not in 32 bits" in outcome.err


def test_interrupted_it_says_what_it_has(quality: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, answered = ModeContestant.answer, 0
    pressed = Interrupt()

    def counted(
        contestant: ModeContestant, messages: Messages, cancelled: Callable[[], bool]
    ) -> Sample:
        nonlocal answered
        answered += 1
        # Two to warm up, four of the first question.
        pressed.requested = answered == 8
        return answer(contestant, messages, cancelled)

    monkeypatch.setattr(ModeContestant, "answer", counted)
    monkeypatch.setattr(command, "Interrupt", lambda: pressed)
    outcome = quality("--modes", "plain,chain", "--against", str(TINY_LLAMA), "--json")
    assert outcome.status == 130
    (record,) = outcome.records
    assert record["interrupted"]
    assert [mode["answers"] for mode in record["modes"]] == [2, 2]
    assert record["against"] is None


def test_a_question_that_does_not_fit_is_named(quality: Call, tmp_path: Path) -> None:
    (tmp_path / "question.jsonl").write_text(
        '{"id": "long", "prompt": "' + "x y z " * 500 + '"}\n{"prompt": "x"}', "utf-8"
    )
    outcome = quality("--modes", "plain", "--json")
    assert outcome.status == 1
    (record,) = outcome.records
    assert record["modes"][0]["answers"] == 1
    assert record["skipped"][0]["id"] == "long"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--text", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("--shape", "builtin"), "leave out --shape"),
        (("--modes", "plain,tall"), "neither a tree's name nor a file"),
        (("--against", "nowhere/at/all"), "nowhere/at/all"),
    ],
)
def test_what_cannot_be_measured(quality: Call, options: Sequence[str], said: str) -> None:
    outcome = quality(*options)
    assert outcome.status in (1, 2)
    assert said in outcome.said(outcome.status)
