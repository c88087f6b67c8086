"""Recipes: those that come along, those of a user's own, and what is wrong with them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from medusa_chat.errors import UsageError
from medusa_chat.training.arguments import add_arguments, from_namespace
from medusa_chat.training.recipe import names, read_recipe
from medusa_chat.training.settings import TrainSettings

NEEDED = ("--base-model", "b", "--data", "d.jsonl", "--output", "o")


def parsed(*options: str) -> TrainSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_namespace(parser.parse_args(options))


@pytest.mark.parametrize("name", names())
def test_those_that_come_along_are_settings(name: str) -> None:
    found = parsed("--recipe", name, *NEEDED)
    assert found.stage == name.partition("-")[2]
    assert (found.heads, found.layers, found.decay) == (5, 1, 0.8)
    assert found.batch_size * found.accumulation == 64


def test_the_stages_of_vicuna_teach_the_heads_alike() -> None:
    first = parsed("--recipe", "vicuna-medusa-1", *NEEDED)
    second = parsed("--recipe", "vicuna-medusa-2", *NEEDED)
    assert first.rate == second.rate * second.heads_rate == 2e-3
    assert first.quantization == second.quantization == "4bit"


def test_options_win(tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text('heads = 3\nlearning-rate = 1\ndata = ["one", "two"]\nbase_model = "b"\n')
    found = parsed("--recipe", str(recipe), "--heads", "2", "--output", "o")
    assert (found.heads, found.rate, found.base_model) == (2, 1.0, "b")
    assert found.data == (Path("one"), Path("two"))
    assert parsed("--recipe", str(recipe), *NEEDED).data == (Path("d.jsonl"),)


def test_options_win_over_switches() -> None:
    first = ("--recipe", "vicuna-medusa-1", *NEEDED)
    assert parsed(*first, "--no-quantization").quantization == "none"
    assert parsed(*first, "--load-in-8bit").quantization == "8bit"
    second = ("--recipe", "vicuna-medusa-2", *NEEDED)
    there = parsed(*second)
    assert there.lora_output
    assert there.gradient_checkpointing
    assert not parsed(*second, "--no-lora-output").lora_output
    assert not parsed(*second, "--no-gradient-checkpointing").gradient_checkpointing


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lambda = 0.5", "decay", 0.5),
        ("decay = 0.5", "decay", 0.5),
        ("load-in-8bit = true", "quantization", "8bit"),
        ("load_in_4bit = true", "quantization", "4bit"),
        ('quantization = "4bit"', "quantization", "4bit"),
        ("no-quantization = true", "quantization", "none"),
        ("lora_output = true", "lora_output", True),
        ("lora-output = false", "lora_output", False),
        ("no-lora-output = true", "lora_output", False),
        ("batch-size = 3", "batch_size", 3),
        ("batch_size = 3", "batch_size", 3),
    ],
)
def test_keys_are_the_options(text: str, name: str, value: object, tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text(text)
    assert read_recipe(str(recipe)) == {name: value}


def test_those_that_come_along_are_named_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    told = " ".join(parser.format_help().split())
    assert names()
    assert all(name in told.replace("- ", "-") for name in names())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heads =", "is not TOML"),
        ("lamda = 0.8", "there is no setting lamda (is it lambda?). Keys are the options of"),
        ("load-in = 4", "(is it load-in-"),
        ("lora_out = true", "(is it lora-output?)"),
        ("load-in-4bit = false", "load-in-4bit is False, and has to be true, or left out"),
        ("lambda = 0.8\ndecay = 0.7", "lambda and decay are the same setting: leave one out"),
        ("load-in-4bit = true\nload-in-8bit = true", "load-in-4bit and load-in-8bit are the same"),
        ("head = 3", "there is no setting head (is it heads?)"),
        ("heads = 2.5", "heads is 2.5, and has to be a whole number"),
        ("heads = true", "has to be a whole number"),
        ('lora-output = "yes"', "has to be true or false"),
        ("stage = 2", "has to be a text"),
        ('data = "one"', "has to be a list of texts"),
        ('decay = "high"', "has to be a number"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str, tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_recipe(str(recipe))
    assert words in str(caught.value)
    assert str(recipe) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_one_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"neither a file nor one of .*vicuna-medusa-1"):
        read_recipe("vicuna")
