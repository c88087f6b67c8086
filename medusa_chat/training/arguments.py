"""The options of ``medusa-chat train``, from the command line to TrainSettings. No torch."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from medusa_chat.errors import UsageError
from medusa_chat.settings import DType
from medusa_chat.training.recipe import names, read_recipe
from medusa_chat.training.settings import (
    DEFAULT_MAX_LENGTH,
    SWITCHES,
    BaseLoss,
    HeadsKind,
    Layout,
    Rise,
    Scheduler,
    Stage,
    TrainSettings,
    flag,
)

_DEFAULTS = {field.name: field.default for field in fields(TrainSettings)}
DESCRIPTION = (
    "Train Medusa heads for a model: on the base as it is (medusa-1), or together with it "
    "(medusa-2). The same command goes on where it was stopped or killed. Data that the model "
    "writes itself is best: `medusa-chat distill` has it do so."
)
_REQUIRED = tuple(name for name, default in _DEFAULTS.items() if default is MISSING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the train command to ``parser``.

    One that is not given leaves no trace: what the recipe says holds then.
    """
    parser.add_argument(
        "--recipe",
        default=argparse.SUPPRESS,
        metavar="FILE|NAME",
        help="settings from a TOML file, whose keys are these options without their dashes, or "
        f"from one that comes along: {', '.join(names())}; options win over it",
    )
    what = parser.add_argument_group("what is trained, on what")
    _option(what, "base_model", "the model to train heads for", metavar="ID|PATH")
    what.add_argument(
        "--data",
        default=argparse.SUPPRESS,
        nargs="+",
        type=Path,
        metavar="FILE",
        help='JSON lines of {"messages": [...]}, {"conversations": [...]} or {"text": ...}, or '
        "ShareGPT's JSON; .xz too",
    )
    _option(
        what,
        "output",
        "where the heads go, and what it takes to go on with a stopped training",
        type=Path,
        metavar="DIR",
    )
    _option(what, "stage", "the heads alone, or the base too", choices=get_args(Stage))
    _option(what, "heads", "heads", type=int, metavar="N")
    _option(what, "layers", "residual blocks of each head", type=int, metavar="N")
    _option(
        what,
        "heads_kind",
        "medusa: they see the hidden state; root: the token that is certain already too",
        choices=get_args(HeadsKind),
    )
    _option(
        what,
        "layout",
        "v0.1: an output matrix a head; shared: the base's serves all",
        choices=get_args(Layout),
    )
    _option(what, "heads_from", "heads to go on from, of stage 1 say", type=Path, metavar="DIR")
    _option(what, "max_length", f"tokens of a sequence ({DEFAULT_MAX_LENGTH})", int, "N")
    _option(what, "held_out", "share of each file's end that is only tested on (0.02)", float, "X")
    how = parser.add_argument_group("how")
    _option(how, "epochs", "passes over the data", int, "N")
    _option(how, "max_steps", "stop after so many updates", int, "N")
    _option(
        how,
        "batch_size",
        "sequences of --max-length in a batch; more, if shorter",
        int,
        "N",
    )
    _option(how, "accumulation", "batches of each process in an update", int, "N")
    _option(
        how,
        "learning_rate",
        "at its highest: the heads' (0.001), in medusa-2 the base's (0.0005 of adapters, 2e-05)",
        float,
        "X",
    )
    _option(how, "heads_rate", "in medusa-2, the heads' rate in the base's", float, "X")
    _option(how, "scheduler", "how the rate falls", choices=get_args(Scheduler))
    _option(how, "warmup_steps", "updates while it rises (a twentieth, at most 100)", int, "N")
    _option(how, "weight_decay", "not of biases and norms", float, "X")
    _option(how, "decay", "head k counts lambda^k", float, "X")
    _option(how, "evaluate_every", "test after so many updates, not only at the end", int, "N")
    _option(
        how,
        "early_stop",
        "stop after so many tests without a gain, and keep the best (one test an epoch, if "
        "nothing is said)",
        int,
        "N",
    )
    _option(how, "seed", "order of data, and what is dropped out", int, "N")
    _option(how, "device", "auto, cpu, cuda or cuda:N")
    _option(
        how,
        "dtype",
        "precision of the base model; what learns is kept in float32",
        choices=get_args(DType),
    )
    bits = how.add_mutually_exclusive_group()
    for switch, said in (
        ("--load-in-8bit", "the frozen weights in 8 bits, by bitsandbytes"),
        ("--load-in-4bit", "the frozen weights in 4 bits, by bitsandbytes"),
        ("--no-quantization", "the frozen weights in --dtype, whatever the recipe says"),
    ):
        name, value = SWITCHES[switch]
        bits.add_argument(
            switch,
            dest=name,
            default=argparse.SUPPRESS,
            action="store_const",
            const=value,
            help=said,
        )
    _option(
        how,
        "keep_hidden",
        "keep the base's hidden states there, for epochs after the first (medusa-1)",
        type=Path,
        metavar="DIR",
    )
    joint = parser.add_argument_group("medusa-2")
    _option(
        joint,
        "heads_weight",
        "lambda_0, what the heads' loss counts at last (0.2; 0.01 with a teacher)",
        float,
        "X",
    )
    _option(joint, "rise", "how lambda_0 gets there", choices=get_args(Rise))
    _option(
        joint,
        "base_loss",
        "what the base learns: the labels, or to stay as it was (self-distillation)",
        choices=get_args(BaseLoss),
    )
    _option(
        joint,
        "lora_rank",
        "of adapters (LoRA, by peft: pip install peft); 0 trains the whole base",
        int,
        "N",
    )
    _option(joint, "lora_alpha", "their weight, times the rank", float, "X")
    _option(joint, "lora_dropout", "of what enters them", float, "X")
    joint.add_argument(
        "--lora-targets",
        default=argparse.SUPPRESS,
        nargs="+",
        metavar="NAME",
        help="the layers that have them (all linear layers of the blocks)",
    )
    _switch(joint, "lora_output", "the output matrix has one too")
    _switch(joint, "gradient_checkpointing", "less memory, a third more time")


def from_namespace(namespace: argparse.Namespace) -> TrainSettings:
    """Return the settings that the options describe, over the recipe's.

    Raises UsageError for a wrong value, and for what is missing in both.
    """
    options = vars(namespace)
    given: dict[str, Any] = {}
    if "recipe" in options:
        given |= read_recipe(options["recipe"])
    given |= {name: options[name] for name in _DEFAULTS if name in options}
    given |= {name: tuple(given[name]) for name in ("data", "lora_targets") if name in given}
    missing = [flag(name) for name in _REQUIRED if name not in given]
    if missing:
        raise UsageError(f"{', '.join(missing)} must be given: see medusa-chat train --help.")
    return TrainSettings(**given)


def _option(
    group: Any,
    name: str,
    help: str,  # noqa: A002  # argparse's own word
    type: Any = str,  # noqa: A002
    metavar: str | None = None,
    choices: tuple[str, ...] | None = None,
) -> None:
    default = _DEFAULTS[name]
    said = help
    if default is not MISSING and default is not None:
        said = f"{help} ({default})"
    group.add_argument(
        flag(name),
        dest=name,
        default=argparse.SUPPRESS,
        type=type,
        metavar=metavar,
        choices=choices,
        help=said,
    )


def _switch(group: Any, name: str, help: str) -> None:  # noqa: A002
    """Add ``--name`` and ``--no-name``, which takes back what the recipe says."""
    group.add_argument(
        flag(name),
        dest=name,
        default=argparse.SUPPRESS,
        action=argparse.BooleanOptionalAction,
        help=help,
    )
