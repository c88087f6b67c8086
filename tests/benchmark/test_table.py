"""Tables in a pipe and on a terminal."""

from __future__ import annotations

import io

import pytest

from medusa_chat.benchmark.table import DASH, Table, lines, milliseconds, number, show

TABLE = Table(
    "Speed",
    ("mode", "tok/s"),
    (("plain", "7"), ("prompt-lookup", "1234")),
    ("A note with [brackets].",),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_words_to_the_left_and_figures_to_the_right() -> None:
    assert lines(TABLE) == [
        "Speed",
        "mode           tok/s",
        "plain              7",
        "prompt-lookup   1234",
        "A note with [brackets].",
    ]


def test_a_pipe_gets_no_control_characters() -> None:
    stream = io.StringIO()
    show([Table("T", ("mode",), (("bad\x1b[2J",),)), TABLE], stream)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().endswith("A note with [brackets].\n\n")


def test_a_narrow_terminal_keeps_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    stream = Terminal()
    show([TABLE, Table("Notes", (), (), ("Nothing.",))], stream)
    shown = stream.getvalue()
    for word in ("1234", "[brackets]", "Notes", "Nothing."):
        assert word in shown


def test_figures() -> None:
    assert number(1.234) == "1.23"
    assert number(41.5, 0) == "42"
    assert number(None, 2, "×") == DASH
    assert number(2.0, 2, "×") == "2.00×"
    assert [milliseconds(one) for one in (0.00123, 0.0123, 0.123, None)] == [
        *("1.23", "12.3", "123"),
        DASH,
    ]


def test_what_a_stream_has_no_characters_for_is_a_question_mark() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, "ascii")
    show([Table("T", ("mode",), ((DASH,),))], stream)
    assert written.getvalue() == b"T\nmode\n?\n\n"
    stream.write("├── rank 1")  # a tree, which tune draws behind them
    stream.flush()
    assert written.getvalue().endswith(b"??? rank 1")
