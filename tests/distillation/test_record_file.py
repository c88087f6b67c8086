"""The output of a run, whatever has happened to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medusa_chat.distillation.record_file import RecordFile
from medusa_chat.distillation.writer import Reply
from medusa_chat.errors import MedusaChatError, UsageError

ORIGIN: dict[str, object] = {"seed": 0, "stop": ("a",), "prompts_sha256": "x"}


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_it_goes_on_behind_what_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "new folder" / "out.jsonl"
    with RecordFile(output, ORIGIN) as file:
        assert file.settled == set()
        file.write(4, {"messages": "é"})
        file.skip(7, "truncated")
        file.write(5, {"messages": "b"})
    state = output.with_name("out.jsonl.state")
    for cut in (output, state):
        with cut.open("ab") as half:
            half.write(b'{"id": 9, "mess')
    with RecordFile(output, ORIGIN) as file:
        assert file.written == {4, 5}
        assert file.skipped == {7: "truncated"}
        file.write(9, {"messages": "c"})
        file.skip(1, "refused")
    assert [line["id"] for line in lines(output)] == [4, 5, 9]
    assert lines(output)[0]["messages"] == "é"
    with RecordFile(output, ORIGIN) as file:
        assert file.settled == {1, 4, 5, 7, 9}


def test_answers_are_kept_until_their_dialogue_is_over(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    first, second = Reply("é\r\n\u2028\x85", "end", 3), Reply("b", "end", 4)
    with RecordFile(output, ORIGIN) as file:
        for number in (4, 5, 6):
            file.keep(number, first)
            file.keep(number, second)
        file.write(5, {"messages": "all of it"})
        file.skip(6, "refused")
    with RecordFile(output, ORIGIN) as file:
        assert file.answered == {4: [first, second]}
        assert file.settled == {5, 6}
        assert file.damaged == []
        file.keep(4, first)
        file.write(4, {})
    with RecordFile(output, ORIGIN) as file:
        assert file.answered == {}
    # What a dialogue is made of is nothing that another run could go on with.
    with pytest.raises(UsageError, match="seed: 0, now 1"):
        RecordFile(output, ORIGIN | {"seed": 1})


def test_before_the_first_dialogue_is_over_answers_count_too(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with RecordFile(output, ORIGIN) as file:
        file.skip(0, "refused")
        file.keep(1, Reply("a", "end", 3))
    assert output.read_bytes() == b""
    with pytest.raises(UsageError, match="was begun otherwise"):
        RecordFile(output, ORIGIN | {"seed": 1})
    with RecordFile(output, ORIGIN) as file:
        assert file.skipped == {0: "refused"}
        assert file.answered == {1: [Reply("a", "end", 3)]}
        file.skip(1, "truncated")
    # Of what is only left out nothing is lost by beginning anew.
    with RecordFile(output, ORIGIN | {"seed": 1}) as file:
        assert file.settled == set()
    output.touch()
    with RecordFile(output, ORIGIN) as file:
        file.keep(1, Reply("a", "end"))
    output.unlink()
    with RecordFile(output, ORIGIN) as file:
        assert file.answered == {}


@pytest.mark.parametrize("half", [b'{"answered": 1, "turn": 1, "te', b"\0\0\xff\0\n", b"[3]\n"])
def test_a_damaged_last_line_costs_that_line_alone(tmp_path: Path, half: bytes) -> None:
    output = tmp_path / "out.jsonl"
    state = output.with_name("out.jsonl.state")
    with RecordFile(output, ORIGIN) as file:
        file.keep(1, Reply("a", "end"))
    whole = state.read_bytes()
    with state.open("ab") as opened:
        opened.write(half)
    with RecordFile(output, ORIGIN) as file:
        assert file.damaged == [state]
        assert file.answered == {1: [Reply("a", "end")]}
        assert state.read_bytes() == whole
        file.keep(1, Reply("b", "end"))
    with RecordFile(output, ORIGIN) as file:
        assert file.damaged == []
        assert [one.text for one in file.answered[1]] == ["a", "b"]


def test_a_damaged_line_in_the_middle_is_left_for_its_owner(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    state = output.with_name("out.jsonl.state")
    with RecordFile(output, ORIGIN) as file:
        for text in "abc":
            file.keep(1, Reply(text, "end"))
    begun, first, _, third = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(begun + first + b"damaged\n" + third)
    with pytest.raises(UsageError, match="line 3 is no JSON object: mend or remove it"):
        RecordFile(output, ORIGIN)
    state.write_bytes(first + third)
    with pytest.raises(UsageError, match="damaged, and"):
        RecordFile(output, ORIGIN)
    # Behind what is gone nothing is of use, until it is there again.
    state.write_bytes(begun + first + third)
    with RecordFile(output, ORIGIN) as file:
        assert [one.text for one in file.answered[1]] == ["a"]
        file.keep(1, Reply("new", "end"))
    with RecordFile(output, ORIGIN) as file:
        assert [one.text for one in file.answered[1]] == ["a", "new"]


def test_another_run_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with RecordFile(output, ORIGIN) as file:
        file.write(0, {})
    with pytest.raises(UsageError, match="seed: 0, now 1"):
        RecordFile(output, ORIGIN | {"seed": 1})
    with pytest.raises(UsageError, match="the prompts were others"):
        RecordFile(output, ORIGIN | {"prompts_sha256": "y"})
    assert len(lines(output)) == 1


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("precious\n", "utf-8")
    with pytest.raises(UsageError, match="name a new file"):
        RecordFile(output, ORIGIN)
    (tmp_path / "out.jsonl.state").touch()
    with pytest.raises(UsageError, match="damaged"):
        RecordFile(output, ORIGIN)
    assert output.read_text("utf-8") == "precious\n"


def test_lines_that_are_gone_are_written_anew(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with RecordFile(output, ORIGIN) as file:
        file.write(0, {})
        file.skip(1, "refused")
    output.unlink()
    with RecordFile(output, ORIGIN | {"seed": 1}) as file:
        assert file.settled == set()


def test_a_run_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    RecordFile(output, ORIGIN).close()
    assert list(tmp_path.iterdir()) == []
    with RecordFile(output, ORIGIN) as file:
        file.skip(0, "refused")
    assert len(list(tmp_path.iterdir())) == 2


def test_two_programs_do_not_write_it_at_once(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    output = tmp_path / "out.jsonl"
    with RecordFile(output, ORIGIN), pytest.raises(UsageError, match="another program"):
        RecordFile(output, ORIGIN)
    RecordFile(output, ORIGIN).close()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        RecordFile(tmp_path / "file" / "out.jsonl", ORIGIN)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.jsonl"
    with RecordFile(output, ORIGIN) as file:
        file.write(0, {})
        whole = output.read_bytes()

        class Full:
            """A file that takes three bytes more."""

            def __getattr__(self, name: str) -> object:
                return getattr(lines_file, name)

            def write(self, line: bytes) -> int:
                return int(lines_file.write(line[:3]))

        lines_file = file._lines
        monkeypatch.setattr(file, "_lines", Full())
        with pytest.raises(MedusaChatError, match="the same command goes on"):
            file.write(1, {})
        assert file.written == {0}
        assert output.read_bytes() == whole
        monkeypatch.undo()
