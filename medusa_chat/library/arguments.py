"""The options of ``medusa-chat models``. Standard library only."""

from __future__ import annotations

import argparse

_NAME = "a Hub id, owner/name or owner/name@revision, or a name from the list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands for models to ``parser``."""
    actions = parser.add_subparsers(dest="action", metavar="list | pull | info | remove | verify")
    actions.required = True
    listing = actions.add_parser("list", help="all models: what is here, sizes, what fits")
    _add_fit(listing)
    _add_json(listing, "one JSON object a model")
    pull = actions.add_parser(
        "pull",
        help="fetch models, and the bases that heads need",
        description="Fetch models, and the bases that heads need. Ctrl+C pauses: the same command "
        "goes on from the byte where it stopped.",
    )
    pull.add_argument("names", nargs="+", metavar="NAME", help=_NAME)
    _add_base(pull)
    _add_fit(pull)
    _add_json(pull, "one JSON object a model, at the end")
    info = actions.add_parser("info", help="all that is known of a model, and what fits here")
    info.add_argument("name", metavar="NAME", help=_NAME)
    _add_base(info)
    _add_fit(info)
    _add_json(info, "one JSON object")
    remove = actions.add_parser("remove", help="remove a model's files from the Hub's cache")
    remove.add_argument("name", metavar="NAME", help=_NAME)
    remove.add_argument("--with-base", action="store_true", help="and those of the heads' base")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    verify = actions.add_parser("verify", help="check the files' checksums")
    verify.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{_NAME}; none is all that is here"
    )
    verify.add_argument(
        "--discard", action="store_true", help="remove what is damaged, for pull to bring it anew"
    )


def _add_base(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base-model", metavar="ID|PATH", help="the base, if not the heads' own")


def _add_fit(parser: argparse.ArgumentParser) -> None:
    # Not given, they leave no trace: so those before the command reach it.
    parser.add_argument(
        "--context",
        dest="context_tokens",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help="judge what fits by conversations of N tokens, not of the model's own length",
    )
    parser.add_argument(
        "--heads-in-8bit",
        dest="head_precision",
        action="store_const",
        const="8bit",
        default=argparse.SUPPRESS,
        help="judge what fits by heads in 8 bits",
    )


def _add_json(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--json", action="store_true", help=words)
