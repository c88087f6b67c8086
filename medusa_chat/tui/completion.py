"""What could be meant by what is being written: a command, what follows it, or a file after @."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat import paths
from medusa_chat.tui.commands import Command, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MOST = 50


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on: what stands in the prompt then, how it is listed, and a hint."""

    text: str
    shown: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Ways to go on with the text from ``start`` to the cursor."""

    start: int
    suggestions: tuple[Suggestion, ...]


def offer(
    before: str,
    commands: Sequence[Command],
    words: Mapping[str, Callable[[], Iterable[str]]],
) -> Offer | None:
    """Return how the text before the cursor could go on; None when nothing is known.

    ``words`` gives, by a command's name, what may follow it where the table does not list it.
    """
    if before.startswith("/") and "\n" not in before and not before.startswith("//"):
        name, space, argument = before[1:].partition(" ")
        found = _arguments(name, argument, commands, words) if space else _names(name, commands)
        start = len(before) - len(argument) if space else 0
    else:
        start = _word_start(before)
        if before[start : start + 1] != "@":
            return None
        found = _paths(before[start + 1 :])
    offered = tuple(found)[:_MOST]
    return Offer(start, offered) if offered else None


def _names(typed: str, commands: Iterable[Command]) -> list[Suggestion]:
    """Return the commands that begin so, before those that only have it in their names."""
    begin, within = [], []
    typed = typed.lower()
    for command in commands:
        suggestion = Suggestion(
            f"{written(command)} " if command.argument else written(command),
            " ".join((written(command), command.argument)).rstrip(),
            command.does,
        )
        if any(name.startswith(typed) for name in command.names):
            begin.append(suggestion)
        elif len(typed) > 1 and any(typed in name for name in command.names):
            within.append(suggestion)
    return begin + within


def _arguments(
    name: str,
    typed: str,
    commands: Iterable[Command],
    words: Mapping[str, Callable[[], Iterable[str]]],
) -> list[Suggestion]:
    command = next((one for one in commands if name.lower() in one.names), None)
    if command is None or "\n" in typed:
        return []
    listed = command.argument.split("|") if "|" in command.argument else ()
    known = words[command.slash]() if command.slash in words else listed
    return [Suggestion(one, one) for one in known if one.lower().startswith(typed.lower())]


def _paths(typed: str) -> list[Suggestion]:
    """Return the files and folders that ``typed`` begins."""
    typed = typed.removeprefix('"')
    head, name = os.path.split(typed)
    folder = paths.written(head or ".")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name.lower())
    except OSError:
        return []
    suggestions = []
    for entry in entries:
        if not entry.name.startswith(name) or (entry.name.startswith(".") and not name):
            continue
        # Links may lead round in a circle, which the entry itself would raise.
        is_folder = os.path.isdir(entry.path)  # noqa: PTH112
        path = f"{os.path.join(head, entry.name)}{'/' if is_folder else ''}"  # noqa: PTH118
        quoted = f'@"{path}"' if any(c.isspace() for c in path) else f"@{path}"
        ended = quoted.removesuffix('"') if is_folder else f"{quoted} "
        suggestions.append(Suggestion(ended, path))
    return suggestions


def _word_start(before: str) -> int:
    """Return where the word at the end begins; a quoted path after @ is one word."""
    quoted = before.rfind('@"')
    if quoted >= 0 and '"' not in before[quoted + 2 :] and "\n" not in before[quoted:]:
        return quoted
    return max((before.rfind(space) for space in " \t\n"), default=-1) + 1
