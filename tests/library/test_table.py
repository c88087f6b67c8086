from __future__ import annotations

import dataclasses

import pytest

from library.conftest import GB
from medusa_chat.library import table
from medusa_chat.library.catalog import Entry, Part
from medusa_chat.library.speeds import Speed
from medusa_chat.models.device_memory import DeviceMemory
from medusa_chat.models.hub.reference import Reference
from medusa_chat.models.memory import Choice, Footprint, Verdict

SPEED = Speed("a/b", "4bit", "float16", "cuda:0", 50.0, 110.0, "2026-01-01T00:00:00+00:00")


def choice(bits: int, verdict: Verdict | None) -> Choice:
    return Choice(bits, "none", "auto", Footprint(4 * GB, GB, GB, GB // 2), verdict)


ENTRY = Entry(
    "a/b",
    "A B",
    "partial",
    layout="v0.1",
    heads=5,
    bytes_here=4 * GB,
    bytes_total=16 * GB,
    parameters=7_000_000_000,
    head_parameters=739_000_000,
    parts=(Part(Reference("a/b"), "partial", 4 * GB, 16 * GB),),
    choices=(choice(16, "does not fit"), choice(4, "tight")),
    best=choice(4, "tight"),
    speed=SPEED,
    aliases=("a/c", "a/d"),
    notes=("A note.",),
)


def test_row() -> None:
    assert table.cells(ENTRY) == ("a/b", "partial 25%", "16.0 GB", "tight, 4 bits", "2.20×")
    assert len(table.COLUMNS) == len(table.cells(ENTRY))


@pytest.mark.parametrize(
    ("fields", "column", "words"),
    [
        ({"speed": None}, 4, "—"),
        ({"best": None}, 3, "does not fit"),
        ({"choices": ()}, 3, "—"),
        ({"choices": (choice(16, None),), "best": None}, 3, "—"),
        ({"bytes_total": None}, 2, "4.00 GB so far"),
        ({"bytes_total": None}, 1, "partial"),
        ({"bytes_total": None, "bytes_here": 0}, 2, "—"),
        ({"state": "built in"}, 1, "built in"),
    ],
)
def test_what_is_not_known_is_a_dash(fields: dict[str, object], column: int, words: str) -> None:
    entry = dataclasses.replace(ENTRY, **fields)  # type: ignore[arg-type]
    assert table.cells(entry)[column] == words


def test_details() -> None:
    assert table.details(ENTRY) == [
        "Model        a/b",
        "Title        A B",
        "State        partial 25%",
        "Files        a/b · partial · 16.0 GB",
        "To fetch     12.0 GB",
        "Heads        5 (v0.1, 739.0 million)",
        "Weights      7.00 billion",
        "Also called  a/c, a/d",
        "Measured     2.20×: 110 against 50 tok/s on cuda:0",
        "Memory       16 bits  6.50 GB  does not fit  (weights 4.00 GB, heads 1.00 GB, "
        "cache 1.00 GB, besides 500 MB)",
        "              4 bits  6.50 GB  tight  (weights 4.00 GB, heads 1.00 GB, "
        "cache 1.00 GB, besides 500 MB)",
        "Note         A note.",
    ]


def test_details_of_a_plain_model() -> None:
    entry = Entry("a/b", "a/b", "here", layout="plain")
    assert "Heads        none: it is decoded plainly" in table.details(entry)
    assert len(table.details(Entry("a/b", "a/b", "remote"))) == 2


def test_machine() -> None:
    memory = DeviceMemory("cuda", "NVIDIA Test", 24 * GB, 12 * GB)
    assert table.machine(memory) == "NVIDIA Test: 12.0 GB of 24.0 GB free"
    assert "not known" in table.machine(None)


def test_aligned() -> None:
    assert table.aligned([("a", "bb", ""), ("ccc", "d", "e")]) == ["a    bb", "ccc  d   e"]
