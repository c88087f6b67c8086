"""The prompts of a benchmark: conversations of one kind or another, read from JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa_chat import paths
from medusa_chat.engine.protocol import ChatMessage
from medusa_chat.errors import MedusaChatError, UsageError
from medusa_chat.run import prompts

OTHER = "other"
"""The category of a prompt that names none."""


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation: ``turns`` are asked one after the other, behind ``opening``."""

    id: str
    category: str
    turns: tuple[ChatMessage, ...]
    opening: tuple[ChatMessage, ...] = ()


def read_cases(file: str | None, per_category: int | None = None) -> list[Case]:
    """Return the conversations of ``file``, or of those that ship with the program.

    A line is ``{"prompt": ...}``, ``{"messages": [...]}`` or ``{"turns": [...]}``, with an ``id``
    (or ``question_id``) and a ``category`` if it likes: the question files of MT-bench and
    Spec-Bench are such. Raises UsageError, with the line's number, for one that is not, and
    MedusaChatError for a file that cannot be read.
    """
    path = paths.shipped("assets/prompts.jsonl") if file is None else paths.written(file)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise MedusaChatError(
            f"--prompts {path} cannot be read ({error.strerror or error}): "
            "name a file of JSON lines."
        ) from error
    cases = [_case(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise UsageError(f"--prompts {path} holds no prompts: write a line of JSON for each.")
    return cases if per_category is None else _first_of_each(cases, per_category)


def _first_of_each(cases: Sequence[Case], count: int) -> list[Case]:
    seen: Counter[str] = Counter()
    kept = []
    for case in cases:
        seen[case.category] += 1
        if seen[case.category] <= count:
            kept.append(case)
    return kept


def _case(line: bytes, number: int, path: Path) -> Case:
    try:
        fields = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UsageError(
            f"--prompts {path}: line {number} is not a JSON object: mend or remove it."
        )
    given = fields.get("id", fields.get("question_id", number))
    category = fields.get("category", OTHER)
    if not isinstance(category, str):
        raise UsageError(f'--prompts {path}: line {number}: "category" is not a text.')
    if "turns" not in fields:
        try:
            *opening, last = prompts.messages_of(fields, number)
        except UsageError as error:
            raise UsageError(f"--prompts {path}: {error}") from error
        return Case(str(given), category, (last,), tuple(opening))
    turns = fields["turns"]
    if not isinstance(turns, list) or not turns or not all(_is_text(turn) for turn in turns):
        raise UsageError(f'--prompts {path}: line {number}: "turns" is not a list of texts.')
    return Case(str(given), category, tuple(ChatMessage("user", turn) for turn in turns))


def _is_text(turn: object) -> bool:
    return isinstance(turn, str) and bool(turn.strip())
