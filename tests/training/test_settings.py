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
from medusa_chat.training.settings import SWITCHES, TrainSettings, typed

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
        ("accumulation", 0, "--accumulation 0"),
        ("warmup_steps", -1, "--warmup-steps -1"),
        ("decay", 1.5, "--lambda 1.5"),
        ("decay", math.nan, "--lambda nan"),
        ("weight_decay", -0.1, "--weight-decay -0.1"),
        ("heads_weight", math.inf, "--heads-weight inf"),
        ("held_out", 1.0, "--held-out 1.0"),
        ("lora_dropout", 1.0, "--lora-dropout 1.0"),
        ("stage", "medusa-3", "--stage 'medusa-3'"),
        ("scheduler", "steep", "--scheduler 'steep'"),
        ("rise", "steep", "use constant, linear or sine"),
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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lora_rank": 8}, "--stage medusa-2"),
        ({"base_loss": "teacher"}, "--stage medusa-2"),
        ({"stage": "medusa-2", "keep_hidden": Path("kept")}, "--keep-hidden"),
        ({"stage": "medusa-2", "quantization": "4bit"}, "--lora-rank 32"),
        ({"stage": "medusa-2", "dtype": "float16"}, "bfloat16 or float32"),
        ({"quantization": "fp8"}, "--load-in-8bit"),
    ],
)
def test_settings_that_rule_each_other_out_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        TrainSettings(**(REQUIRED | options))
    assert len(str(caught.value).splitlines()) <= 2


def test_the_learning_rate_is_what_is_usual_for_what_learns() -> None:
    def rate(**options: Any) -> float:
        return TrainSettings(**(REQUIRED | options)).rate

    assert rate() == 1e-3
    assert rate(stage="medusa-2") == 2e-5
    assert rate(stage="medusa-2", lora_rank=8) == 5e-4
    assert rate(stage="medusa-2", learning_rate=0.5) == 0.5


def test_the_heads_weigh_less_against_a_teacher() -> None:
    def coefficient(**options: Any) -> float:
        return TrainSettings(**(REQUIRED | {"stage": "medusa-2"} | options)).coefficient

    # The paper's, B.2 and B.4: of a base that stays as it was, little may be asked for heads.
    assert coefficient() == 0.2
    assert coefficient(base_loss="teacher") == 0.01
    assert coefficient(base_loss="teacher", heads_weight=0.2) == 0.2
    assert coefficient(heads_weight=0.0) == 0.0


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
        "--layout shared --seed 9 --device cuda:1 --dtype bfloat16 --stage medusa-2 "
        "--heads-from h --heads-rate 3 --scheduler linear --warmup-steps 8 --weight-decay 0.1 "
        "--accumulation 2 --lambda 0.7 --heads-weight 0.3 --rise linear --base-loss teacher "
        "--lora-rank 8 --lora-alpha 32 --lora-dropout 0.1 --lora-targets q_proj v_proj "
        "--lora-output --gradient-checkpointing --held-out 0.1 --evaluate-every 5 "
        "--early-stop 3 --load-in-4bit"
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
        stage="medusa-2",
        heads_from=Path("h"),
        heads_rate=3.0,
        scheduler="linear",
        warmup_steps=8,
        weight_decay=0.1,
        accumulation=2,
        decay=0.7,
        heads_weight=0.3,
        rise="linear",
        base_loss="teacher",
        lora_rank=8,
        lora_alpha=32.0,
        lora_dropout=0.1,
        lora_targets=("q_proj", "v_proj"),
        lora_output=True,
        gradient_checkpointing=True,
        held_out=0.1,
        evaluate_every=5,
        early_stop=3,
        quantization="4bit",
    )
    options = "--base-model b --data d --output o --keep-hidden k --load-in-8bit"
    kept = parsed(*options.split())
    assert (kept.keep_hidden, kept.quantization) == (Path("k"), "8bit")


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_is_an_option_and_typed_as_such(switch: str) -> None:
    options = "--base-model b --data d --output o --stage medusa-2 --lora-rank 8"
    name, value = SWITCHES[switch]
    assert getattr(parsed(*options.split(), switch), name) == value
    assert typed(name, value) == switch


def test_values_are_typed_behind_their_option() -> None:
    assert typed("decay", 0.5) == "--lambda 0.5"
    assert typed("max_steps", None) == "--max-steps left out"
    assert typed("lora_targets", []) == "--lora-targets left out"
    assert typed("lora_targets", ["q_proj", "v_proj"]) == "--lora-targets q_proj v_proj"


def test_settings_and_arguments_import_nothing_heavy() -> None:
    code = (
        "import sys, medusa_chat.training.settings, medusa_chat.training.arguments;"
        "print([name for name in ('torch', 'transformers', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
