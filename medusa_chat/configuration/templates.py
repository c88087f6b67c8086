"""Prompts that the user keeps as plain files, to be filled in and sent: ``prompts/NAME.md``."""

from __future__ import annotations

import difflib
from pathlib import Path

from medusa_chat.errors import UsageError

FOLDER_NAME = "prompts"
SELECTION = "{{selection}}"
"""Where the text that is selected goes."""
_ENDING = ".md"


def names(folder: Path) -> list[str]:
    """Return the names of the templates in a folder, in order; none when it is not there."""
    try:
        return sorted(
            file.stem for file in folder.iterdir() if file.suffix == _ENDING and file.is_file()
        )
    except OSError:
        return []


def read(folder: Path, name: str, selected: str = "") -> str:
    """Return the text of a template, with what is selected in its place.

    Raises UsageError when there is none of this name, or it cannot be read.
    """
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        meant = f"Did you mean {near[0]}?" if near else _where(folder, known)
        raise UsageError(f"There is no prompt {name!r}. {meant}")
    file = folder / f"{name}{_ENDING}"
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from None
    return text.replace("\r\n", "\n").strip("\n").replace(SELECTION, selected)


def described(folder: Path) -> str:
    """Say which templates there are, and where others can be put."""
    known = names(folder)
    return (
        f"Prompts: {', '.join(known)}. /prompt NAME inserts one." if known else _where(folder, [])
    )


def _where(folder: Path, known: list[str]) -> str:
    if known:
        return f"There are {', '.join(known)}."
    return f"Put files like summary.md into {folder}: {{{{topic}}}} in one is a place to fill in."
