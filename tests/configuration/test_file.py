"""What the settings file may say, and what is said where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medusa_chat.configuration.fields import BY_NAME, FIELDS, default_of, written
from medusa_chat.configuration.file import read
from medusa_chat.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    found = read(tmp_path / "config.toml")
    assert found.tables == {}
    assert found.problems == ()


def test_what_the_file_says_holds(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[decoding]\ntemperature = 1\nmedusa = false\nsystem = "Be brief."\n'
        '[model]\nquantization = "4bit"\n[interface]\ntheme = "medusa-light"\n'
        '[keys]\nmedusa = "f8"\n'
    )
    found = read(file)
    assert found.problems == ()
    assert found.table("decoding") == {
        "temperature": 1.0,
        "medusa": False,
        "system": "Be brief.",
    }
    assert isinstance(found.get("decoding", "temperature"), float)
    assert found.get("model", "quantization") == "4bit"
    assert found.get("model", "dtype") is None
    assert found.keys == {"medusa": "f8"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[decoding]\ntemperature = \n", "left as it is: Invalid value (at line 2, column 15)"),
        ("[decodign]\n", "there is no table [decodign]. There are model, decoding, interface"),
        ("decoding = 3\n", "decoding is no table: write [decoding]"),
        ("keys = 3\n", "keys is no table"),
        ("[decoding]\ntemprature = 1\n", "[decoding] knows no 'temprature'"),
        ('[decoding]\ntemperature = "hot"\n', "temperature = 'hot' is not a number"),
        ("[decoding]\ntemperature = true\n", "temperature = True is not a number"),
        ("[decoding]\ntemperature = -1\n", "temperature -1.0 is out of range"),
        ("[decoding]\ntop_k = 1.5\n", "top_k = 1.5 is not a whole number"),
        ("[decoding]\ntop_k = true\n", "top_k = True is not a whole number"),
        ("[decoding]\nmedusa = 1\n", "medusa = 1 is not true or false"),
        ('[interface]\ntheme = "pink"\n', "use medusa-dark, medusa-light"),
        ('[model]\nquantization = "fp8"\ndtype = "float32"\n', "leave one out"),
        ("[decoding]\nsystem = 1979-05-27\n", "is not a text"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_holds(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    (problem,) = read(file).problems
    assert told in problem
    assert str(file) in problem
    assert file.read_text() == text
    if "Invalid" not in told and "is no table" not in told:
        file.write_text(text + '[interface]\nmarks = "off"\n' * ("[interface]" not in text))
        assert read(file).get("decoding", "temperature") is None
        assert read(file).get("interface", "marks") == (None if "[interface]" in text else "off")


def test_a_file_that_is_no_text_is_told_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# fine\n# f\xff\n")
    assert "line 2 is no text in UTF-8" in read(file).problems[0]


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    assert "cannot be used" in read(tmp_path).problems[0]


def test_deep_nesting_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("a = " + "[" * 20_000)
    assert "cannot be used" in read(file).problems[0]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_default_can_be_written_and_read(field: object) -> None:
    one = BY_NAME[field.name]  # type: ignore[attr-defined]
    default = default_of(one)
    if default is not None:
        assert one.read(written(default)) == default


@pytest.mark.parametrize(
    ("name", "text"),
    [("temperature", "hot"), ("temperature", "nan"), ("top_k", "1.5"), ("medusa", "maybe"),
     ("draft", "none"), ("seed", "-1"), ("device", "gpu")],
)  # fmt: skip
def test_a_text_that_is_no_value_is_told(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        BY_NAME[name].read(text)
