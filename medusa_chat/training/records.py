"""Training text as it lies in files, one dialogue or one text a record. No torch.

A file is JSON lines, or one JSON array, as ShareGPT's are. A record is ``{"messages": [{"role":
..., "content": ...}, ...]}``, ``{"conversations": [{"from": ..., "value": ...}, ...]}`` or
``{"text": ...}``; other fields are left alone, but for ``"truncated": true`` beside a dialogue, by
which ``medusa-chat distill`` says that the last answer was cut short. What is none of these is put
on record as a problem, with its line, and the rest goes on.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.models.chat_format import Message

_MARK = b"\xef\xbb\xbf"
_BEGINNING = 4096
_SPACE = re.compile(rb"\s*")
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
"""Strings whole, so that what they hold counts for nothing, and what opens and ends things."""
_SPEAKERS = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard", "model"), "assistant"),
    "system": "system",
}


class BadRecordError(Exception):
    """A line that nothing can be learnt from; ``str(error)`` says why."""


class _BrokenArrayError(Exception):
    """A JSON array that ends, or goes on, as none does."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Record:
    """A dialogue, or (``messages`` None) a text, and the line that it is or begins in."""

    line: int
    messages: tuple[Message, ...] | None
    text: str = ""
    truncated: bool = False
    """Whether the last answer was cut short: nothing is known of what came behind it."""


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

    def words(self) -> list[str]:
        """Return what is to be said of them, a line each; nothing where there are none."""
        if not self.count:
            return []
        more = self.count - len(self.first)
        skipped = f"Bad lines skipped: {self.count}" + (f", {more} not shown." if more else ".")
        return [*self.first, skipped]


def check_files(files: tuple[Path, ...]) -> None:
    """Raise UsageError unless each of ``files`` is one that can be opened."""
    for file in files:
        if not file.exists():
            raise UsageError(
                f"--data {file} does not exist: give a .jsonl or .json file, plain or .xz."
            )
        try:
            _open(file).close()
        except OSError as error:
            raise UsageError(f"--data {file} cannot be opened: {error.strerror}.") from error


def read_records(file: Path, problems: Problems) -> Iterator[Record]:
    """Yield the usable records of ``file``. Raises MedusaChatError when the file is broken."""
    for line, raw in raw_records(file):
        try:
            yield _parse(line, raw)
        except BadRecordError as error:
            problems.add(file, line, str(error))


def raw_records(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines or the array's items of ``file`` as they are, each with its line's number.

    It is decompressed where its name ends in .xz. Raises MedusaChatError when it is broken.
    """
    line = 0
    try:
        with _open(file) as lines:
            # Only by that name: a line of JSON lines may begin an array too, and is a bad one.
            array = ".json" in file.suffixes and _begins_array(lines)
            for line, raw in _items(lines.read()) if array else enumerate(lines, start=1):
                if raw.strip():
                    yield line, raw
    except _BrokenArrayError as error:
        raise MedusaChatError(
            f"{file} is no whole JSON array: after line {error.line} {error}. Mend it, or give "
            "JSON lines."
        ) from error
    except (lzma.LZMAError, EOFError) as error:
        raise MedusaChatError(
            f"{file} is damaged or cut short after line {line} ({error}): get it again."
        ) from error
    except OSError as error:
        raise MedusaChatError(f"{file} cannot be read: {error.strerror}.") from error


def _open(file: Path) -> IO[bytes]:
    return lzma.open(file) if file.suffix == ".xz" else file.open("rb")


def _begins_array(lines: IO[bytes]) -> bool:
    beginning = lines.read(_BEGINNING).removeprefix(_MARK).lstrip()
    lines.seek(0)
    return beginning.startswith(b"[")


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a JSON array holds, each item with the line that it begins in.

    Found by brackets and quotes alone, so that an item that is no JSON does not end the reading.
    Raises _BrokenArrayError where these do not match.
    """
    at, line = content.index(b"[") + 1, 1 + content.count(b"\n", 0, content.index(b"["))
    while True:
        begin = _SPACE.match(content, at)
        assert begin is not None, "no space at all matches too"
        line += content.count(b"\n", at, begin.end())
        at = begin.end()
        if content.startswith(b"]", at):
            if content[at + 1 :].strip():
                raise _BrokenArrayError(line, "something follows the array's end")
            return
        end = _end_of_item(content, at, line)
        yield line, content[at:end]
        line += content.count(b"\n", at, end)
        if content.startswith(b"}", end):
            raise _BrokenArrayError(line, "a } closes what was not opened")
        at = end + content.startswith(b",", end)


def _end_of_item(content: bytes, at: int, line: int) -> int:
    """Return where the item that begins at ``at`` ends: at a comma, or at what closes no more."""
    depth = 0
    for found in _MARKS.finditer(content, at):
        mark = found[0]
        if mark in b"[{":
            depth += 1
        elif mark == b"," and depth == 0:
            return found.start()
        elif mark in b"]}":
            if depth == 0:
                return found.start()
            depth -= 1
    raise _BrokenArrayError(line, "an item does not end")


def _parse(line: int, raw: bytes) -> Record:
    content = json_of(line, raw)
    if isinstance(content, dict):
        truncated = content.get("truncated") is True
        if isinstance(content.get("messages"), list):
            messages = tuple(message_of(item) for item in content["messages"])
            return Record(line, messages, truncated=truncated)
        if isinstance(content.get("text"), str):
            return Record(line, None, encodable(content["text"]))
        if isinstance(content.get("conversations"), list):
            return Record(line, conversation_of(content["conversations"]), truncated=truncated)
    raise BadRecordError(
        'neither {"messages": [...]}, {"conversations": [...]} nor {"text": "..."}'
    )


def json_of(line: int, raw: bytes) -> object:
    """Return what a line holds. Raises BadRecordError where that is no JSON."""
    try:
        content: object = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecordError(f"not UTF-8 (byte {error.start + 1})") from error
    except (ValueError, RecursionError) as error:
        raise BadRecordError(f"not JSON ({error})") from error
    return content


def conversation_of(turns: list[object]) -> tuple[Message, ...]:
    """Return ShareGPT's turns as messages, from the first that is not an answer on.

    Raises BadRecordError for one that is none.
    """
    messages: list[Message] = []
    for turn in turns:
        match turn:
            case {"from": str(speaker), "value": str(value)} if speaker.lower() in _SPEAKERS:
                role = _SPEAKERS[speaker.lower()]
                # Some are cut off at the front, and begin with an answer to nothing.
                if messages or role != "assistant":
                    messages.append(message_of({"role": role, "content": value}))
            case {"from": str(speaker), "value": str()}:
                raise BadRecordError(f"{speaker[:40]!r} speaks, who is neither human nor gpt")
            case _:
                raise BadRecordError('a turn is not {"from": "...", "value": "..."}')
    return tuple(messages)


def message_of(item: object) -> Message:
    """Return a message of which only role and content are kept. Raises BadRecordError."""
    match item:
        case {"role": str(role), "content": str(content)}:
            return {"role": encodable(role), "content": encodable(content)}
    raise BadRecordError('a message is not {"role": "...", "content": "..."}')


def encodable(text: str) -> str:
    """Return ``text``. Raises BadRecordError where it is no valid text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # JSON can escape one, but it stands for no character.
        raise BadRecordError("half of a surrogate pair") from error
    return text
