"""The options of ``medusa-chat tune``, from the command line to its settings. No torch."""

from __future__ import annotations

import argparse

from medusa_chat.errors import UsageError
from medusa_chat.tuning.settings import (
    DEFAULT_NEW_TOKENS,
    DEFAULT_PROMPTS,
    DEFAULT_ROUNDS,
    TEMPERATURES,
    TuneSettings,
)

DECODE_DEFAULTS = {"max_new_tokens": DEFAULT_NEW_TOKENS, "seed": 0}
"""Of decoding, unless told otherwise."""
UNFIT = ("tree", "tree_size", "no_medusa", "acceptance", "posterior_threshold", "posterior_alpha")
"""Options of decoding that tuning decides itself."""
DESCRIPTION = (
    "Find the trees that pay with a model on this machine: decode prompts, see which guesses are "
    "right, search the best tree of each size, time steps, and try the best one live. --tree auto "
    "uses what was found. Without --temperature both greedy replies and drawn ones are tuned for."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the tune command to ``parser``; those of the model come besides."""
    tune = parser.add_argument_group("tuning")
    tune.add_argument(
        "--prompts",
        metavar="FILE.jsonl",
        help="prompts to decode, a line each, as bench reads them (default: own ones)",
    )
    tune.add_argument(
        "--most-prompts",
        type=int,
        default=DEFAULT_PROMPTS,
        metavar="N",
        help="decode at most N of them, of all categories alike (%(default)s)",
    )
    tune.add_argument(
        "--rounds",
        type=int,
        default=DEFAULT_ROUNDS,
        metavar="N",
        help="turns of each tree, at least, while steps are timed (%(default)s)",
    )
    tune.add_argument(
        "--json",
        action="store_true",
        help="a JSON line for each temperature on stdout, the tables on stderr",
    )


def temperatures_of(arguments: argparse.Namespace) -> tuple[float, ...]:
    """Return the temperatures to tune for, one after the other."""
    given = vars(arguments)
    return (given["temperature"],) if "temperature" in given else TEMPERATURES


def from_namespace(arguments: argparse.Namespace) -> TuneSettings:
    """Return the settings of tuning itself. Raises UsageError for what cannot be used."""
    given = vars(arguments)
    for name in UNFIT:
        if name in given:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"tune finds the trees of exact decoding itself: leave out {option}.")
    return TuneSettings(
        prompts=given.get("prompts"),
        most_prompts=arguments.most_prompts,
        rounds=arguments.rounds,
        as_json="json" in given,
    )
