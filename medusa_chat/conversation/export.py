"""Files that a conversation leaves in: named after it, never over another one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_chat.conversation.markdown import markdown
from medusa_chat.errors import MedusaChatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_chat.conversation.conversation import Conversation

_SLUG_LENGTH = 48


def export(
    conversation: Conversation, *folders: Path, text: str | None = None, ending: str = "md"
) -> Path:
    """Write the conversation into the first of the folders that takes it, as this ``text``, else
    as Markdown; return the full path. Raises MedusaChatError when none does.
    """
    text = markdown(conversation) if text is None else text
    failures = []
    for folder in folders:
        try:
            return write_new(text, folder.resolve(), conversation, ending)
        except OSError as error:
            failures.append(f"{folder}: {error.strerror or error}")
    raise MedusaChatError(
        f"The chat could not be exported ({'; '.join(failures)}). "
        "Start medusa-chat in a folder that you can write to, and export again."
    )


def write_new(text: str, folder: Path, conversation: Conversation, ending: str) -> Path:
    """Write ``text`` into a new file in ``folder`` and return its path. Raises OSError.

    The name comes from the date and the title; a file that exists is never overwritten.
    """
    for name in _names(_stem(conversation), ending):
        try:
            write(text, folder / name)
        except FileExistsError:
            continue
        return folder / name
    raise AssertionError("unreachable: the names never end")


def write(text: str, path: Path) -> None:
    """Write a new file. Raises OSError, FileExistsError for one that is there."""
    file = path.open("x", encoding="utf-8", newline="\n")
    try:
        with file:
            file.write(text)
    except OSError:
        # Half a conversation must not pass for the whole.
        path.unlink(missing_ok=True)
        raise


def _names(stem: str, ending: str) -> Iterator[str]:
    yield f"{stem}.{ending}"
    number = 2
    while True:
        yield f"{stem}-{number}.{ending}"
        number += 1


def _stem(conversation: Conversation) -> str:
    slug = "-".join(re.findall(r"\w+", conversation.title.lower()))[:_SLUG_LENGTH].strip("-_")
    return f"{conversation.created.astimezone():%Y-%m-%d}-{slug or 'chat'}"
