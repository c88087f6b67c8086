"""The options of ``medusa-chat doctor``. Standard library only."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the doctor command to ``parser``."""
    parser.add_argument("--json", action="store_true", help="one JSON object with all findings")
    parser.add_argument("--offline", action="store_true", help="do not ask whether the Hub answers")
