"""What the settings file gives to the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command_line import Call, calling

from medusa_chat.settings import DecodeSettings, ModelSettings

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
[model]
quantization = "4bit"
dtype = "float16"
[decoding]
temperature = 0.25
medusa = false
seed = 5
[interface]
theme = "medusa-light"
"""


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    (tmp_path / "config.toml").write_text(FILE)
    return calling(capsys, monkeypatch, tmp_path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    from medusa_chat.run import command
    from medusa_chat.tui import app

    given: list[Any] = []

    def start(*settings: object, **_: object) -> int:
        given.append(settings)
        return 0

    monkeypatch.setattr(app, "run_chat", start)
    monkeypatch.setattr(command, "run", start)
    return given


@pytest.mark.parametrize("command", [(), ("run", "Hello")])
def test_the_file_holds_where_the_command_line_says_nothing(
    command: tuple[str, ...], call: Call, started: list[Any]
) -> None:
    assert call(*command).status == 0
    assert started[0][0] == ModelSettings(quantization="4bit", dtype="float16")
    assert started[0][1] == DecodeSettings(temperature=0.25, medusa=False, seed=5)


def test_the_command_line_wins(call: Call, started: list[Any]) -> None:
    call("--temperature", "1", "--load-in-fp8", "--theme", "medusa-dark")
    model, decode, _, preferences = started[0]
    assert model == ModelSettings(quantization="fp8")
    assert decode == DecodeSettings(temperature=1.0, medusa=False, seed=5)
    assert preferences.theme == "medusa-dark"


@pytest.mark.parametrize(("option", "medusa"), [("--medusa", True), ("--no-medusa", False)])
def test_medusa_is_as_the_command_line_says(
    option: str, medusa: bool, call: Call, started: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(f"[decoding]\nmedusa = {str(not medusa).lower()}\n")
    call(option)
    assert started[0][1].medusa is medusa


def test_the_file_names_the_theme(call: Call, started: list[Any]) -> None:
    call()
    assert started[0][3].theme == "medusa-light"


def test_a_broken_file_is_told_and_the_run_goes_on(
    call: Call, started: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[decoding\n")
    outcome = call("run", "Hello")
    assert outcome.status == 0
    assert "(at line 1, column 10)" in outcome.err
    assert started[0][1] == DecodeSettings()


def test_a_theme_is_for_the_chat(call: Call) -> None:
    assert "--theme is for the chat" in call("--theme", "medusa-dark", "run", "x").said(2)
