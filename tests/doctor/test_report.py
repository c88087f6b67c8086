"""Findings as text."""

from __future__ import annotations

from medusa_chat.doctor.finding import Finding
from medusa_chat.doctor.report import NAME_WIDTH, aligned, report, summary, tabbed

OK = Finding("Python", "ok", "3.12")
WARNING = Finding("Hub", "warning", "cannot be reached", "Check the network.")
BROKEN = Finding("torch", "broken", "missing", "pip install torch")


def test_report_is_in_columns_and_ends_with_the_summary() -> None:
    lines = report([OK, WARNING, BROKEN]).splitlines()
    assert lines[0] == f"ok       {'Python':{NAME_WIDTH}}  3.12"
    column = lines[0].index("3.12")
    assert lines[1].index("cannot") == column
    assert lines[2] == " " * column + "→ Check the network."
    assert lines[-2:] == ["", "Broken: torch."]


def test_long_values_are_wrapped_under_their_column() -> None:
    finding = Finding("data folder", "ok", " ".join(["/a/folder"] * 12), "Do this. " * 8)
    lines = aligned(finding, 60)
    assert len(lines) > 4
    assert max(map(len, lines)) <= 60
    column = lines[0].index("/a/folder")
    assert all(line[:column].strip() == "" and line[column] != " " for line in lines[1:])


def test_a_path_is_never_cut() -> None:
    path = "/" + "x" * 100
    assert path in "\n".join(aligned(Finding("package", "ok", f"at {path}"), 60))


def test_a_very_narrow_terminal_wraps_itself() -> None:
    assert len(aligned(Finding("package", "ok", "some words to wrap"), 20)) == 1


def test_tabbed_has_four_fields_always() -> None:
    assert tabbed(OK) == "ok\tPython\t3.12\t"
    assert tabbed(WARNING).split("\t") == ["warning", "Hub", "cannot be reached", WARNING.remedy]


def test_summary() -> None:
    assert summary([OK]) == "All is well."
    assert summary([OK, WARNING]) == "Nothing needed is broken; 1 warning."
    assert summary([WARNING, WARNING]) == "Nothing needed is broken; 2 warnings."
    assert summary([OK, WARNING, BROKEN]) == "Broken: torch."
