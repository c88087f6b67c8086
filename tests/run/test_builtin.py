"""The model that ships with the program, as a person meets it first."""

from __future__ import annotations

import pytest
from command_line import REPOSITORY, Call

FOLDER = REPOSITORY / "assets/builtin"


@pytest.mark.parametrize(
    "prompt", ["Hello! How are you?", "Tell me a story about a dog.", "Who are you?"]
)
def test_answers_the_same_with_medusa_on_and_off(prompt: str, call: Call) -> None:
    options = ("--temperature", "0", "--max-new-tokens", "60", "--json")
    medusa = call("run", prompt, *options).record
    plain = call("run", prompt, "--no-medusa", *options).record
    assert medusa["model"] == plain["model"] == "builtin"
    assert (medusa["mode"], plain["mode"]) == ("medusa", "plain")
    assert medusa["text"].strip()
    for name in ("text", "token_ids", "stop_reason", "prompt_tokens"):
        assert medusa[name] == plain[name]
    assert plain["accepted_per_step"] == 1.0
    assert medusa["accepted_per_step"] > 1.3


def test_a_turn_ends_and_nothing_else_is_said(call: Call) -> None:
    outcome = call("run", "Hello!", "--temperature", "0")
    assert outcome.status == 0
    assert len(outcome.err.splitlines()) == 1, "a notice for the model that ships"
    assert outcome.err.rstrip().endswith("eos")


def test_what_ships_is_small_and_described() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 20_000_000
    card = (FOLDER / "README.md").read_text("utf-8")
    assert "licence" in card
    assert "small demonstration model" in card
