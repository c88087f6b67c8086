"""The options of ``medusa-chat train``, from the command line to TrainSettings. No torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from medusa_chat.settings import DType
from medusa_chat.training.settings import DEFAULT_MAX_LENGTH, Layout, TrainSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the train command to ``parser``."""
    default = TrainSettings(base_model="owner/name", data=(Path("data"),), output=Path("heads"))
    parser.add_argument(
        "--base-model", required=True, metavar="ID|PATH", help="the model to train heads for"
    )
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        type=Path,
        metavar="FILE",
        help='.jsonl or .jsonl.xz; each line {"messages": [...]} or {"text": ...}',
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="where the heads go, and what it takes to go on with a stopped training",
    )
    parser.add_argument(
        "--heads", type=int, default=default.heads, metavar="N", help="heads (%(default)s)"
    )
    parser.add_argument(
        "--layers",
        type=int,
        default=default.layers,
        metavar="N",
        help="residual blocks of each head (%(default)s)",
    )
    parser.add_argument(
        "--layout",
        choices=get_args(Layout),
        default=default.layout,
        help="v0.1: an output matrix a head; shared: the base's serves all (%(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=default.epochs,
        metavar="N",
        help="passes over the data (%(default)s)",
    )
    parser.add_argument("--max-steps", type=int, metavar="N", help="stop after so many updates")
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=default.learning_rate,
        metavar="X",
        help="at its highest, after the warm-up (%(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=default.batch_size,
        metavar="N",
        help="sequences of --max-length in a batch; more, if shorter (%(default)s)",
    )
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="N",
        help=f"tokens of a sequence ({DEFAULT_MAX_LENGTH}, or the model's context)",
    )
    parser.add_argument(
        "--seed", type=int, default=default.seed, metavar="N", help="order of data (%(default)s)"
    )
    parser.add_argument("--device", default=default.device, help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--dtype",
        choices=get_args(DType),
        default=default.dtype,
        help="precision of the base model; the heads are kept in float32 (%(default)s)",
    )


def from_namespace(namespace: argparse.Namespace) -> TrainSettings:
    """Return the settings that the options describe. Raises UsageError for a wrong value."""
    return TrainSettings(
        base_model=namespace.base_model,
        data=tuple(namespace.data),
        output=namespace.output,
        heads=namespace.heads,
        layers=namespace.layers,
        epochs=namespace.epochs,
        max_steps=namespace.max_steps,
        learning_rate=namespace.learning_rate,
        batch_size=namespace.batch_size,
        max_length=namespace.max_length,
        layout=namespace.layout,
        seed=namespace.seed,
        device=namespace.device,
        dtype=namespace.dtype,
    )
