"""What can be trained, and in which words the rest is refused."""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medusa_chat.errors import UsageError
from medusa_chat.training.arguments import add_arguments, from_namespace
from medusa_chat.training.settings import TrainSettings

REQUIRED: dict[str, Any] = {
    "base_model": "owner/name",
    "data": (Path("chats.jsonl"),),
    "output": Path("heads"),
}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("heads", 0, "--heads 0"),
        ("heads", 17, "--heads 17"),
        ("layers", 0, "--layers 0"),
        ("epochs", 0, "--epochs 0"),
        ("max_steps", 0, "--max-steps 0"),
        ("batch_size", 0, "--batch-size 0"),
        ("max_length", 15, "--max-length 15"),
        ("seed", -1, "--seed -1"),
        ("learning_rate", 0.0, "--learning-rate 0.0"),
        ("learning_rate", math.nan, "--learning-rate nan"),
        ("learning_rate", math.inf, "--learning-rate inf"),
        ("layout", "v9", "--layout 'v9'"),
        ("base_model", " ", "--base-model"),
        ("device", "tpu", "--device 'tpu'"),
        ("dtype", "int8", "--dtype 'int8'"),
        ("data", (), "--data"),
    ],
)
def test_names_the_option_and_the_value(field: str, value: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainSettings(**(REQUIRED | {field: value}))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def parsed(*options: str) -> TrainSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_namespace(parser.parse_args(options))


def test_options_left_out_are_the_settings_own_defaults() -> None:
    found = parsed("--base-model", "owner/name", "--data", "chats.jsonl", "--output", "heads")
    assert found == TrainSettings(**REQUIRED)


def test_every_option_reaches_its_setting() -> None:
    options = (
        "--base-model b --data one.jsonl two.jsonl.xz --output o --heads 3 --layers 2 "
        "--epochs 4 --max-steps 5 --learning-rate 0.01 --batch-size 6 --max-length 77 "
        "--layout shared --seed 9 --device cuda:1 --dtype bfloat16"
    )
    found = parsed(*options.split())
    assert found == TrainSettings(
        base_model="b",
        data=(Path("one.jsonl"), Path("two.jsonl.xz")),
        output=Path("o"),
        heads=3,
        layers=2,
        epochs=4,
        max_steps=5,
        learning_rate=0.01,
        batch_size=6,
        max_length=77,
        layout="shared",
        seed=9,
        device="cuda:1",
        dtype="bfloat16",
    )


def test_settings_and_arguments_import_nothing_heavy() -> None:
    code = (
        "import sys, medusa_chat.training.settings, medusa_chat.training.arguments;"
        "print([name for name in ('torch', 'transformers', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
