"""The options of ``medusa-chat distill``, from the command line to its settings. No torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from medusa_chat.distillation.settings import (
    KEY_VARIABLE,
    DistillSettings,
    ServerSettings,
    Truncated,
)
from medusa_chat.errors import UsageError

DECODE_DEFAULTS = {"temperature": 0.7, "seed": 0}
"""Of decoding, unless told otherwise: the same command is to write the same text."""
DESCRIPTION = (
    "Have a model answer prompts, and keep what it says as JSON lines that `medusa-chat train "
    "--data` takes: heads learn best from the model's own text. Without --one-turn every turn of "
    "a dialogue is answered, behind what the model itself said before. The same command goes on "
    "where it was stopped or killed, and asks for no answer twice that had come."
)
UNFIT = ("raw", "ignore_eos", "acceptance", "posterior_threshold", "posterior_alpha")
"""Options of decoding by which the answers would not be the model's own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the distill command to ``parser``; those of the model come besides."""
    what = parser.add_argument_group("what is answered, and kept")
    what.add_argument(
        "--prompts",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="ShareGPT's or UltraChat's JSON or JSON lines, a line each of "
        '{"messages": [...]}, {"turns": [...]} or {"prompt": ...}, or .txt with a prompt a line; '
        ".xz too",
    )
    what.add_argument(
        "--output",
        type=Path,
        metavar="FILE.jsonl",
        help="where the dialogues go (default: distilled.jsonl)",
    )
    what.add_argument(
        "--one-turn",
        action="store_true",
        help="cut each dialogue at random before one of its answers, and write that one alone, "
        "behind what the file says",
    )
    what.add_argument("--dialogues", type=int, metavar="N", help="only N of them, drawn at random")
    what.add_argument(
        "--greedy-share",
        type=float,
        default=0.5,
        metavar="X",
        help="of the dialogues, answered at temperature 0 instead of --temperature (%(default)s)",
    )
    what.add_argument(
        "--truncated",
        choices=get_args(Truncated),
        default="drop",
        help="answers that come to no end: left out, with the turns behind them, or kept with "
        '"truncated": true (%(default)s)',
    )
    what.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="answers written at once (default: what memory has room for; requests to a server: "
        "8); 1 decodes by Medusa, answer by answer",
    )
    server = parser.add_argument_group("a server instead of a model here")
    server.add_argument(
        "--server",
        metavar="URL",
        help="one that speaks OpenAI's protocol, as vLLM, TGI and SGLang do: "
        "http://localhost:8000/v1; --model is its name there, and no other option of the model "
        "counts",
    )
    server.add_argument(
        "--key-variable",
        metavar="NAME",
        default=KEY_VARIABLE,
        help="the environment variable that holds the server's key (%(default)s)",
    )
    server.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="without a sign of the server, before a request counts as failed (%(default)g)",
    )
    server.add_argument(
        "--retries",
        type=int,
        default=5,
        metavar="N",
        help="of a request that fails but may pass, each after a longer pause (%(default)s)",
    )


def from_namespace(arguments: argparse.Namespace) -> DistillSettings:
    """Return the settings of distilling itself. Raises UsageError for what cannot be used."""
    given = vars(arguments)
    for name in UNFIT:
        if name in given:
            raise UsageError(
                f"distill keeps the model's own answers: leave out --{name.replace('_', '-')}."
            )
    server = None
    if "server" in given:
        server = ServerSettings(
            given["server"],
            given.get("model"),
            arguments.key_variable,
            arguments.timeout,
            arguments.retries,
        )
    return DistillSettings(
        prompts=tuple(arguments.prompts),
        output=given.get("output", Path("distilled.jsonl")),
        one_turn="one_turn" in given,
        dialogues=given.get("dialogues"),
        greedy_share=arguments.greedy_share,
        truncated=arguments.truncated,
        batch_size=given.get("batch_size"),
        server=server,
    )
