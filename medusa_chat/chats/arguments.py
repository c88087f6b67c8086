"""The options of ``medusa-chat chats``, ``export`` and ``import``. Standard library only."""

from __future__ import annotations

import argparse
from typing import Any

FORMATS = ("md", "json", "html")


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands for saved chats."""
    listing = commands.add_parser("chats", help="list the saved chats, or search them")
    listing.add_argument(
        "search", nargs="*", metavar="SEARCH", help="words that all are in a title or a message"
    )
    listing.add_argument("--limit", type=int, metavar="N", help="the latest N at most")
    listing.add_argument("--json", action="store_true", help="one JSON object a chat")
    export = commands.add_parser(
        "export",
        help="write chats as Markdown, JSON or HTML",
        description="Write chats into files. Markdown and HTML hold the conversation as it is "
        "read, JSON all of its branches, for `medusa-chat import`.",
    )
    which = export.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "chat", nargs="?", metavar="CHAT", help="its id, the beginning of it, or part of its title"
    )
    which.add_argument("--all", action="store_true", help="every chat")
    which.add_argument("--last", action="store_true", help="the latest chat")
    export.add_argument("--format", choices=FORMATS, default="md", help="default: md")
    export.add_argument(
        "--output",
        metavar="DIR|FILE|-",
        help="a folder, a new file, or - for stdout (default: this folder)",
    )
    import_ = commands.add_parser("import", help="read chats that were exported as JSON")
    import_.add_argument(
        "files", nargs="+", metavar="FILE", help="what export --format json wrote; - is stdin"
    )
    import_.add_argument(
        "--again", action="store_true", help="import a copy of chats that are here already"
    )
