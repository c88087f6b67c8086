"""The prompts of one run: from the command line, from stdin, or line by line from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, get_args, get_type_hints

from medusa_chat import paths
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError, UsageError

PromptId = str | int
_ROLES = get_args(get_type_hints(ChatMessage)["role"])


@dataclass(frozen=True, slots=True)
class Prompt:
    """One conversation to answer, or ``error``: why its line is none."""

    id: PromptId
    messages: tuple[ChatMessage, ...] = ()
    error: str | None = None


def single(text: str) -> Prompt:
    """Return the prompt of a run that has only one."""
    return Prompt(1, (ChatMessage("user", text),))


def from_stdin(stdin: BinaryIO, *, raw: bool) -> Prompt:
    """Return all of ``stdin`` as one prompt; the newline at its end is kept only when ``raw``.

    Raises MedusaChatError for bytes that are not UTF-8.
    """
    try:
        text = stdin.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise MedusaChatError(
            f"stdin is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}. "
            "Convert it first, for example with iconv."
        ) from error
    return single(text if raw else text.removesuffix("\n").removesuffix("\r"))


def from_file(path: str) -> Iterator[Prompt]:
    """Return an iterator over the prompts of a JSONL file; blank lines are passed over.

    A line that is no prompt comes as one with an ``error``. Raises MedusaChatError at once for a
    file that cannot be read.
    """
    file = paths.written(path)
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise MedusaChatError(
            f"--prompts {file} cannot be read ({error.strerror or error}): "
            "name a file of JSON lines."
        ) from error
    return (_parse(line, number) for number, line in enumerate(lines, start=1) if line.strip())


def _parse(line: bytes, number: int) -> Prompt:
    """Return the prompt of one line; its number stands in for an id that it does not have."""
    prompt_id: PromptId = number
    try:
        fields = json.loads(line.decode("utf-8"))
        if not isinstance(fields, dict):
            raise UsageError(f"line {number} is not a JSON object.")
        given = fields.get("id")
        if isinstance(given, str | int) and not isinstance(given, bool):
            prompt_id = given
        return Prompt(prompt_id, messages_of(fields, number))
    except UnicodeDecodeError as error:
        return Prompt(prompt_id, error=f"line {number} is not UTF-8 (byte {error.start + 1}).")
    except UsageError as error:
        return Prompt(prompt_id, error=str(error))
    except (ValueError, RecursionError) as error:  # too many digits, too many brackets as well
        return Prompt(prompt_id, error=f"line {number} is not JSON: {error}.")


def messages_of(fields: dict[str, object], number: int) -> tuple[ChatMessage, ...]:
    """Return the messages of a line's object. Raises UsageError, with the line's ``number``."""
    if "prompt" in fields and "messages" not in fields:
        prompt = fields["prompt"]
        if not isinstance(prompt, str):
            raise UsageError(f'line {number}: "prompt" is not a text.')
        return (ChatMessage("user", prompt),)
    messages = fields.get("messages")
    if "prompt" in fields or not isinstance(messages, list) or not messages:
        raise UsageError(
            f'line {number} needs either "prompt": a text, or "messages": a list of messages.'
        )
    return tuple(_message(message, number) for message in messages)


def _message(message: object, number: int) -> ChatMessage:
    if isinstance(message, dict):
        role: Any = message.get("role")
        content = message.get("content")
        if role in _ROLES and isinstance(content, str):
            return ChatMessage(role, content)
    raise UsageError(
        f'line {number}: a message is {{"role": {" | ".join(_ROLES)}, "content": a text}}.'
    )
