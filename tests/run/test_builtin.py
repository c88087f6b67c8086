"""The model that ships with the program, as a person meets it first."""

from __future__ import annotations

import re

import pytest
import torch
from command_line import REPOSITORY, Call
from safetensors.torch import load_file

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


def test_what_ships_is_small() -> None:
    files = [file for part in ("base", "medusa") for file in (FOLDER / part).iterdir()]
    assert sum(file.stat().st_size for file in files) < 25_000_000


@pytest.mark.parametrize(
    ("row", "file"),
    [("architecture", "base/model.safetensors"), ("heads", "medusa/medusa_lm_head.safetensors")],
)
def test_weights_are_as_many_as_the_card_tells(row: str, file: str) -> None:
    weights = [one for one in load_file(FOLDER / file).values() if one.is_floating_point()]
    assert {one.dtype for one in weights} == {torch.bfloat16}
    card = (FOLDER / "README.md").read_text("utf-8")
    told = re.search(rf"^\| {row} \|.*\b(\d\.\d+)M parameters", card, re.MULTILINE)
    assert told, "the card tells how many there are"
    assert sum(one.numel() for one in weights) == pytest.approx(float(told[1]) * 1e6, rel=0.01)


def test_the_card_names_each_source_with_its_licence() -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    assert "small demonstration model" in card
    _, table = card.split("| source | licence | what |\n|---|---|---|\n")
    sources = table.partition("\n\n")[0].splitlines()
    licences = [row.split("|")[2].strip() for row in sources]
    assert len(licences) >= 3
    assert all(re.fullmatch(r"Apache 2\.0|CDLA-Sharing 1\.0|MIT", one) for one in licences)
