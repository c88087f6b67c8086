"""Training text as it lies in files: JSON lines, one dialogue or one text each. No torch.

A line is ``{"messages": [{"role": ..., "content": ...}, ...]}`` or ``{"text": ...}``; other fields
are left alone. A line that is neither is put on record as a problem, and the rest goes on.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.models.chat_format import Message


class BadRecordError(Exception):
    """A line that nothing can be learnt from; ``str(error)`` says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line: a dialogue, or (``messages`` None) a text."""

    line: int
    messages: tuple[Message, ...] | None
    text: str = ""


@dataclass(slots=True)
class Problems:
    """The lines that could not be used: all are counted, the first few kept to be shown."""

    shown: int = 5
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, file: Path, line: int, reason: str) -> None:
        """Put on record that ``line`` of ``file``, counted from 1, was skipped, and why."""
        self.count += 1
        if len(self.first) < self.shown:
            self.first.append(f"{file}:{line}: {reason}")


def check_files(files: tuple[Path, ...]) -> None:
    """Raise UsageError unless each of ``files`` is one that can be opened."""
    for file in files:
        if not file.exists():
            raise UsageError(f"--data {file} does not exist: give a .jsonl or .jsonl.xz file.")
        try:
            _open(file).close()
        except OSError as error:
            raise UsageError(f"--data {file} cannot be opened: {error.strerror}.") from error


def read_records(file: Path, problems: Problems) -> Iterator[Record]:
    """Yield the usable lines of ``file``, decompressing as it goes where the name ends in .xz.

    Raises MedusaChatError when the file itself is broken.
    """
    line = 0
    try:
        with _open(file) as lines:
            for line, raw in enumerate(lines, start=1):
                if not raw.strip():
                    continue
                try:
                    yield _parse(line, raw)
                except BadRecordError as error:
                    problems.add(file, line, str(error))
    except (lzma.LZMAError, EOFError) as error:
        raise MedusaChatError(
            f"{file} is damaged or cut short after line {line} ({error}): get it again."
        ) from error
    except OSError as error:
        raise MedusaChatError(f"{file} cannot be read: {error.strerror}.") from error


def _open(file: Path) -> IO[bytes]:
    return lzma.open(file) if file.suffix == ".xz" else file.open("rb")


def _parse(line: int, raw: bytes) -> Record:
    try:
        content = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecordError(f"not UTF-8 (byte {error.start + 1})") from error
    except (ValueError, RecursionError) as error:
        raise BadRecordError(f"not JSON ({error})") from error
    if isinstance(content, dict) and isinstance(content.get("messages"), list):
        return Record(line, tuple(_message(item) for item in content["messages"]))
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return Record(line, None, _encodable(content["text"]))
    raise BadRecordError('neither {"messages": [...]} nor {"text": "..."}')


def _message(item: object) -> Message:
    match item:
        case {"role": str(role), "content": str(content)}:
            return {"role": _encodable(role), "content": _encodable(content)}
    raise BadRecordError('a message is not {"role": "...", "content": "..."}')


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # JSON can escape one, but it stands for no character.
        raise BadRecordError("half of a surrogate pair") from error
    return text
