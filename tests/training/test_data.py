"""From files to what is trained on and what is held out, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from medusa_chat.errors import MedusaChatError
from medusa_chat.training.data import held_out_lines, read_dataset
from medusa_chat.training.examples import Example
from training.runs import dialogue, encoder, functions, write_lines


def test_holds_out_two_percent_and_a_few_of_a_small_file() -> None:
    sizes = (0, 1, 3, 4, 8, 16, 100, 200, 1000)
    assert [held_out_lines(lines) for lines in sizes] == [0, 0, 0, 1, 2, 4, 4, 4, 20]


def test_the_last_lines_of_each_file_are_held_out(tmp_path: Path) -> None:
    lines = functions(16)
    first = write_lines(tmp_path / "first.jsonl", lines[:8])
    second = write_lines(tmp_path / "second.jsonl", lines[8:])
    said: list[str] = []
    data = read_dataset((first, second), encoder(), said.append)
    every = [example for file in (first, second) for example in alone(file)]
    assert data.training == tuple(every[:6] + every[8:14])
    assert data.held_out == tuple(every[6:8] + every[14:])
    assert data.tokens == sum(len(example.ids) for example in data.training)
    assert said == [f"Reading {first}", f"Reading {second}"]
    assert data.notices == ()


def alone(file: Path) -> tuple[Example, ...]:
    data = read_dataset((file,), encoder(), lambda _text: None)
    return (*data.training, *data.held_out)


def test_says_what_was_skipped_and_cut(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.jsonl", [*functions(8), 7, {"text": ""}, dialogue("only")])
    short = encoder(max_length=len(alone(file)[0].ids) - 1)
    notices = read_dataset((file,), short, lambda _text: None).notices
    assert notices[:3] == (
        f'{file}:9: neither {{"messages": [...]}}, {{"conversations": [...]}} '
        'nor {"text": "..."}',
        f"{file}:10: an empty text",
        f"{file}:11: no answer of the assistant",
    )
    assert notices[3] == "Bad lines skipped: 3."
    assert notices[4].startswith(f"6 dialogues are longer than {short.max_length} tokens")


def test_nothing_usable_is_an_error_that_shows_a_line(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.jsonl", [3, 4])
    with pytest.raises(MedusaChatError, match=r"No line of .*a\.jsonl:1: neither"):
        read_dataset((file,), encoder(), lambda _text: None)
    empty = write_lines(tmp_path / "empty.jsonl", [])
    with pytest.raises(MedusaChatError, match=r"empty\.jsonl can be learnt from\."):
        read_dataset((empty,), encoder(), lambda _text: None)
