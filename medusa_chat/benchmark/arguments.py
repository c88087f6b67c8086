"""The options of ``medusa-chat bench``, from the command line to its settings. No torch."""

from __future__ import annotations

import argparse
from typing import cast, get_args

from medusa_chat.benchmark.named_shapes import SHAPES
from medusa_chat.benchmark.settings import (
    DEFAULT_MODES,
    DEFAULT_NEW_TOKENS,
    DEFAULT_PREFIX_TOKENS,
    DEFAULT_REPEATS,
    QUALITY_MODES,
    BenchSettings,
    ForwardName,
    Peer,
    Suite,
)
from medusa_chat.benchmark.suite_options import check_options
from medusa_chat.errors import UsageError

DECODE_DEFAULTS = {"temperature": 0.0, "max_new_tokens": DEFAULT_NEW_TOKENS, "seed": 0}
"""Of decoding, unless told otherwise: all modes are to draw the same."""
DESCRIPTION = (
    "Measure what Medusa brings on this machine. Each prompt is answered by all modes in turn, "
    "each time from the same state; figures are medians. Unless told otherwise greedy, at most "
    f"{DEFAULT_NEW_TOKENS} new tokens."
)
UNFIT = ("tree", "no_medusa")
"""Options of decoding that the modes decide."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the bench command to ``parser``; those of the model come besides."""
    bench = parser.add_argument_group("benchmark")
    bench.add_argument(
        "--suite",
        choices=get_args(Suite),
        default="chat",
        help="chat: answer prompts; steps: time one forward pass over 1 to 128 nodes; replay: "
        "score trees offline; quality: perplexity, and answers plain and by Medusa side by side; "
        "gpu: all that matters on a CUDA device, on models of its own "
        "(%(default)s)",
    )
    bench.add_argument(
        "--prompts",
        metavar="FILE.jsonl",
        help='a line each of {"prompt": ...}, {"messages": [...]} or {"turns": [...]}, with an '
        '"id" and a "category"; also question files of MT-bench and Spec-Bench (default: own ones)',
    )
    bench.add_argument(
        "--per-category", type=int, metavar="N", help="only the first N prompts of each category"
    )
    bench.add_argument(
        "--modes",
        metavar="LIST",
        help="plain, static (a preset), dynamic, auto, or any tree of --tree; :N says of how many "
        "nodes, +heads, +bigram or +all what it guesses from, as --draft does (default: "
        f"{','.join(DEFAULT_MODES)}; quality: {','.join(QUALITY_MODES)})",
    )
    bench.add_argument(
        "--peers",
        metavar="LIST",
        help=f"chat: decoders of transformers on the same model: {', '.join(get_args(Peer))}",
    )
    bench.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help=f"chat, steps: runs of each prompt or step ({DEFAULT_REPEATS})",
    )
    bench.add_argument(
        "--shape",
        metavar="NAME",
        help=f"a random model of this shape instead of --model: {', '.join(SHAPES)}",
    )
    bench.add_argument(
        "--forward",
        choices=get_args(ForwardName),
        help="what runs the steps: transformers' own forward, the lean one, or what fits best "
        "(auto)",
    )
    bench.add_argument(
        "--prefix",
        type=int,
        metavar="N",
        help=f"steps: tokens in the cache ({DEFAULT_PREFIX_TOKENS})",
    )
    bench.add_argument(
        "--text", metavar="FILE", help="quality: whose perplexity is measured (default: own text)"
    )
    bench.add_argument(
        "--against", metavar="ID|PATH", help="quality: another model, to compare with"
    )
    bench.add_argument(
        "--output",
        metavar="DIR",
        help="quality: keep the answers there, a file a model and mode, as MT-bench's judges read "
        "them",
    )
    bench.add_argument(
        "--json", action="store_true", help="one JSON line on stdout, the table on stderr"
    )


def from_namespace(arguments: argparse.Namespace) -> BenchSettings:
    """Return the benchmark's own settings.

    Raises UsageError for what cannot be used, and for options that the suite does not take.
    """
    given = vars(arguments)
    for name in UNFIT:
        if name in given:
            raise UsageError(
                "bench compares several modes: name them by --modes instead of "
                f"--{name.replace('_', '-')}."
            )
    check_options(arguments.suite, given)
    usual = QUALITY_MODES if arguments.suite == "quality" else DEFAULT_MODES
    return BenchSettings(
        suite=arguments.suite,
        prompts=given.get("prompts"),
        modes=_names(given["modes"]) if "modes" in given else usual,
        peers=cast("tuple[Peer, ...]", _names(given.get("peers", ""))),
        repeats=given.get("repeat", DEFAULT_REPEATS),
        prompts_per_category=given.get("per_category"),
        shape=given.get("shape"),
        forward=given.get("forward", "auto"),
        prefix_tokens=given.get("prefix", DEFAULT_PREFIX_TOKENS),
        text=given.get("text"),
        against=given.get("against"),
        output=given.get("output"),
        as_json="json" in given,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
