"""Dialogues turn by turn, by a writer whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from medusa_chat.distillation.dialogues import Dialogue, Turn
from medusa_chat.distillation.progress import Progress
from medusa_chat.distillation.record_file import RecordFile
from medusa_chat.distillation.session import Tally, distill
from medusa_chat.distillation.settings import DistillSettings
from medusa_chat.distillation.writer import (
    Came,
    InterruptedWritingError,
    Question,
    Reply,
    unheeded,
)
from medusa_chat.errors import MedusaChatError
from medusa_chat.settings import DecodeSettings
from medusa_chat.status_line import StatusLine

DECODE = DecodeSettings(seed=0)


class ScriptedWriter:
    """Answers with how many messages there were; some questions otherwise, by their text."""

    words = "scripted"

    def __init__(self, at_once: int = 2, most: int = 1000, **ends: Reply) -> None:
        self.at_once = at_once
        self.asked: list[list[Question]] = []
        self.came = 0
        self._ends = ends
        self._most = most

    def replies(
        self, questions: Sequence[Question], cancelled: Callable[[], bool], came: Came = unheeded
    ) -> list[Reply]:
        assert len(questions) <= self.at_once
        self.asked.append(list(questions))
        replies = [
            self._ends.get(one.messages[-1].content, Reply(f"answer {len(one.messages)}", "end", 3))
            for one in questions
        ]
        for at, reply in enumerate(replies):
            if self.came >= self._most:
                raise InterruptedWritingError
            self.came += 1
            if reply.text == "the server goes":
                raise MedusaChatError("gone")
            came(at, reply)
        return replies


def settings(folder: Path, **options: Any) -> DistillSettings:
    given: dict[str, Any] = {"prompts": (folder / "p.jsonl",), "output": folder / "out.jsonl"}
    return DistillSettings(**(given | options))


def run(
    folder: Path, dialogues: Sequence[Dialogue], writer: ScriptedWriter, **options: Any
) -> tuple[Tally, list[dict[str, Any]]]:
    chosen = settings(folder, **options)
    with RecordFile(chosen.output, {}) as file, StatusLine() as line:
        tally = distill(
            dialogues,
            writer,
            file,
            "m",
            chosen,
            DECODE,
            lambda answers: Progress(line, answers),
            lambda: False,
        )
    return tally, records(chosen.output)


def records(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_bytes().splitlines()]


def dialogue(number: int, *questions: str) -> Dialogue:
    return Dialogue(number, None, tuple(Turn(one, f"as written to {one}") for one in questions))


def contents(record: dict[str, Any]) -> list[str]:
    return [one["content"] for one in record["messages"]]


def test_all_turns_behind_what_the_model_said(tmp_path: Path) -> None:
    writer = ScriptedWriter()
    tally, lines = run(tmp_path, [dialogue(0, "a"), dialogue(1, "b", "c")], writer)
    by_id = {line["id"]: line for line in lines}
    assert contents(by_id[1]) == ["b", "answer 1", "c", "answer 3"]
    assert contents(by_id[0]) == ["a", "answer 1"]
    assert by_id[0]["model"] == "m"
    assert (tally.dialogues, tally.answers, tally.tokens) == (2, 3, 9)
    seeds = [one.seed for batch in writer.asked for one in batch]
    assert len(set(seeds)) == 3


def test_one_turn_behind_what_the_file_says(tmp_path: Path) -> None:
    cut = [dialogue(number, "a", "b", "c") for number in range(12)]
    _, lines = run(tmp_path, cut, ScriptedWriter(5), one_turn=True)
    lengths = {len(line["messages"]) for line in lines}
    assert lengths == {2, 4, 6}
    longest = next(line for line in lines if len(line["messages"]) == 6)
    assert contents(longest) == ["a", "as written to a", "b", "as written to b", "c", "answer 5"]


def test_a_share_is_greedy_and_the_system_message_comes_first(tmp_path: Path) -> None:
    writer = ScriptedWriter(50)
    many = [dialogue(number, "a") for number in range(300)]
    _, lines = run(tmp_path, many, writer, greedy_share=0.25)
    greedy = sum(line["temperature"] == 0 for line in lines)
    assert 50 < greedy < 100
    assert {line["temperature"] for line in lines} == {0.0, 0.7}
    asked = [one for batch in writer.asked for one in batch]
    assert sorted(one.seed for one in asked) == sorted(line["seed"] for line in lines)


def test_what_comes_to_no_end(tmp_path: Path) -> None:
    half = Reply("and then", "truncated", 5)
    dialogues = [dialogue(0, "a", "cut", "c"), dialogue(1, "cut")]
    (tmp_path / "drop").mkdir()
    tally, lines = run(tmp_path / "drop", dialogues, ScriptedWriter(cut=half))
    assert [contents(line) for line in lines] == [["a", "answer 1"]]
    assert "truncated" not in lines[0]
    assert tally.truncated == 2
    assert tally.left_out == {"truncated": 1}
    (tmp_path / "mark").mkdir()
    tally, lines = run(tmp_path / "mark", dialogues, ScriptedWriter(cut=half), truncated="mark")
    by_id = {line["id"]: line for line in lines}
    # Behind half an answer nothing is asked.
    assert contents(by_id[0]) == ["a", "answer 1", "cut", "and then"]
    assert contents(by_id[1]) == ["cut", "and then"]
    assert by_id[0]["truncated"]
    assert tally.left_out == {}


def test_what_cannot_be_answered_is_put_on_record(tmp_path: Path) -> None:
    writer = ScriptedWriter(
        4,
        long=Reply("", "no room", reason="600 tokens"),
        bad=Reply("", "refused", reason="no such token"),
        dumb=Reply(" \n", "end", 1),
    )
    dialogues = [dialogue(at, one) for at, one in enumerate(("long", "bad", "dumb", "fine"))]
    tally, lines = run(tmp_path, dialogues, writer)
    assert [line["id"] for line in lines] == [3]
    assert tally.left_out == {"no room in the context": 1, "refused": 1, "empty answers": 1}
    assert tally.first_words["refused"] == "no such token"
    with RecordFile(tmp_path / "out.jsonl", {}) as file:
        assert file.skipped == {0: "600 tokens", 1: "no such token", 2: "empty answers"}


def test_where_nothing_is_answered_it_ends(tmp_path: Path) -> None:
    writer = ScriptedWriter(bad=Reply("", "refused", reason="no such model"))
    with pytest.raises(MedusaChatError, match="Nothing is answered: no such model"):
        run(tmp_path, [dialogue(at, "bad") for at in range(9)], writer)


def test_stopped_and_gone_on_with_it_is_as_if_never_stopped(tmp_path: Path) -> None:
    dialogues = [dialogue(at, *"abcdef"[: 1 + at % 4]) for at in range(20)]
    (tmp_path / "whole").mkdir()
    _, whole = run(tmp_path / "whole", dialogues, ScriptedWriter(3))
    answers = 0
    # Whatever comes into one batch then.
    for most, at_once in ((1, 3), (4, 5), (9, 2), (20, 4)):
        writer = ScriptedWriter(at_once, most)
        with pytest.raises(InterruptedWritingError):
            run(tmp_path, dialogues, writer)
        answers += writer.came
    last = ScriptedWriter(3)
    tally, lines = run(tmp_path, dialogues, last)
    assert len(lines) == 20
    assert sorted(lines, key=str) == sorted(whole, key=str)
    # Nothing was asked for twice, and what is told is of whole dialogues.
    assert answers + last.came == sum(len(one.turns) for one in dialogues)
    assert tally.tokens == 3 * tally.answers


def test_that_all_are_refused_later_on_ends_the_dialogues_alone(tmp_path: Path) -> None:
    writer = ScriptedWriter(bad=Reply("", "refused", reason="too long"))
    tally, lines = run(tmp_path, [dialogue(at, "a", "bad") for at in range(4)], writer)
    assert [contents(line) for line in lines] == [["a", "answer 1"]] * 4
    assert tally.dialogues == 4


def test_answers_that_came_before_a_failure_are_kept(tmp_path: Path) -> None:
    writer = ScriptedWriter(4, c=Reply("the server goes", "end"))
    dialogues = [dialogue(at, one) for at, one in enumerate("abcd")]
    with pytest.raises(MedusaChatError, match="gone"):
        run(tmp_path, dialogues, writer)
    assert [line["id"] for line in records(tmp_path / "out.jsonl")] == [0, 1]
    _, lines = run(tmp_path, dialogues, ScriptedWriter(4))
    assert sorted(line["id"] for line in lines) == [0, 1, 2, 3]


def test_like_dialogues_are_answered_together(tmp_path: Path) -> None:
    writer = ScriptedWriter(2)
    dialogues = [dialogue(0, "a" * 90), dialogue(1, "b"), dialogue(2, "c" * 80), dialogue(3, "d")]
    run(tmp_path, dialogues, writer)
    first, second = ([one.messages[0].content[0] for one in batch] for batch in writer.asked)
    assert sorted(first) == ["a", "c"]
    assert sorted(second) == ["b", "d"]


def test_progress_counts_what_needs_no_answer_any_more() -> None:
    times = iter([0.0, 0.0, 2.0, 4.0, 4.0, 4.0])
    with StatusLine() as line:
        progress = Progress(line, 8, clock=lambda: next(times))
        progress.advance(3, 10)
        assert progress.words() == "3 of 8 answers · 2 tok/s · 7 s left"
