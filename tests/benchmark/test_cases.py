"""The prompts of a benchmark, from files of every kind."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from medusa_chat.benchmark.cases import OTHER, Case, read_cases
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError, UsageError

FILE = "questions.jsonl"


def written(tmp_path: Path, *lines: object) -> str:
    """Write ``lines`` as JSON, strings as they stand, and return the file's name."""
    file = tmp_path / FILE
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(texts), "utf-8")
    return str(file)


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def test_shipped_prompts_are_of_eight_kinds() -> None:
    cases = read_cases(None)
    kinds = Counter(case.category for case in cases)
    assert len(kinds) == 8
    assert min(kinds.values()) >= 5
    assert OTHER not in kinds
    assert len({case.id for case in cases}) == len(cases)
    texts = [turn.content for case in cases for turn in case.turns]
    assert len(set(texts)) == len(texts)
    assert any(len(case.turns) > 2 for case in cases)


def test_question_files_of_mt_bench_and_spec_bench(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {
            "question_id": 81,
            "category": "writing",
            "turns": ["Compose a post.", "Rewrite it."],
            "reference": ["unused"],
        },
        "",
        {"question_id": 161, "category": "summarization", "turns": ["Summarise: …"]},
    )
    assert read_cases(file) == [
        Case("81", "writing", (user("Compose a post."), user("Rewrite it."))),
        Case("161", "summarization", (user("Summarise: …"),)),
    ]


def test_lines_as_run_takes_them(tmp_path: Path) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    file = written(
        tmp_path, {"prompt": "Hi"}, {"id": "b", "messages": history, "category": "dialogue"}
    )
    assert read_cases(file) == [
        Case("1", OTHER, (user("Hi"),)),
        Case("b", "dialogue", (user("Hello"),), (ChatMessage("system", "Be brief."),)),
    ]


def test_the_first_of_each_category(tmp_path: Path) -> None:
    kinds = ["a", "b", "a", "a", "b", "c"]
    file = written(tmp_path, *({"prompt": "x", "category": kind} for kind in kinds))
    assert [case.id for case in read_cases(file, 2)] == ["1", "2", "3", "5", "6"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not JSON", "line 2 is not a JSON object"),
        ([1], "line 2 is not a JSON object"),
        ("[" * 100_000, "line 2 is not a JSON object"),
        ({"turns": []}, 'line 2: "turns" is not a list of texts'),
        ({"turns": "one"}, 'line 2: "turns" is not a list of texts'),
        ({"turns": ["one", " "]}, 'line 2: "turns" is not a list of texts'),
        ({"prompt": "x", "category": 3}, 'line 2: "category" is not a text'),
        ({"question": "x"}, "line 2 needs either"),
        ({"prompt": 3}, 'line 2: "prompt" is not a text'),
    ],
)
def test_a_bad_line_is_named_by_its_number(line: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=FILE) as error:
        read_cases(written(tmp_path, {"prompt": "fine"}, line))
    assert said in str(error.value)


def test_files_without_prompts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no prompts"):
        read_cases(written(tmp_path, "", " "))
    with pytest.raises(MedusaChatError, match=r"missing\.jsonl cannot be read"):
        read_cases(str(tmp_path / "missing.jsonl"))
