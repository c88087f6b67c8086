"""Cutting heads' vocabulary down to the tokens that a model says most often.

What heads guess rightly is nearly always a common token, and a third of the rows costs a third of
the time.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medusa_chat.errors import UsageError
from medusa_chat.models.heads import MedusaHeads
from medusa_chat.publishing.adaptation import with_output
from medusa_chat.training.records import Problems, read_records


def common_tokens(
    chats: Path,
    tokenizer: Any,
    ends: frozenset[int],
    count: int,
    known: frozenset[int],
    problems: Problems,
) -> list[int]:
    """Return the ``count`` commonest of the ``known`` tokens in the last answers of ``chats``.

    Ascending, with those that end an answer always among them, since each answer has one. Of a
    record of plain text the whole text counts. Fewer are returned where fewer were said. Lines that
    are none of both are put on record in ``problems``. Raises UsageError for a file that is not
    there or holds no answer, MedusaChatError for one that is broken.
    """
    if not chats.is_file():
        raise UsageError(f"--vocabulary-from {chats} does not exist: give a .jsonl file of chats.")
    counted: Counter[int] = Counter()
    for record in read_records(chats, problems):
        said = record.text
        if record.messages is not None:
            answers = [one["content"] for one in record.messages if one["role"] == "assistant"]
            said = answers[-1] if answers else ""
        counted.update(tokenizer(said, add_special_tokens=False)["input_ids"])
    if not counted:
        first = f" ({problems.first[0]})" if problems.first else ""
        raise UsageError(f"--vocabulary-from {chats} holds no answer of an assistant{first}.")
    most = max(counted.values())
    counted.update(dict.fromkeys(ends, most + 1))
    commonest = (token for token, _ in counted.most_common() if token in known)
    return sorted(token for token, _ in zip(commonest, range(count), strict=False))


def cut(heads: MedusaHeads, tokens: list[int], output: Tensor) -> MedusaHeads:
    """Return ``heads`` over the rows of ``tokens`` alone, of their matrices ``output`` [K, V, H].

    [1, V, H] where they have one in common. ``tokens`` are the base's ids, in the order that rows
    are to have.
    """
    kept = torch.tensor(tokens)
    rows = kept
    if heads.token_map is not None:
        row_of = {token: row for row, token in enumerate(heads.token_map.tolist())}
        rows = torch.tensor([row_of[token] for token in tokens])
    return with_output(heads, output[:, rows], kept)


def known_tokens(heads: MedusaHeads, rows: int) -> frozenset[int]:
    """Return the base's ids of the tokens that ``heads`` have, of matrices with ``rows`` rows."""
    if heads.token_map is None:
        return frozenset(range(rows))
    return frozenset(heads.token_map.tolist())
