"""Rows to train on: whole chats, one after another, none cut in two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

Document = tuple[np.ndarray, np.ndarray]
"""The tokens of a chat and their weights in the loss."""

WIDTHS = (256, 512, 1024)
WIDTH_SHARES = (0.84, 0.1, 0.06)
"""Rows are so long, and so many of the chats that fit the shortest go into each."""
OPEN_ROWS = 24


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of whole chats, one after another: ``tokens`` and their ``weights`` [R, W]."""

    tokens: torch.Tensor
    weights: torch.Tensor


def packed(
    documents: list[Document], pad: int, batch_tokens: int, rng: np.random.Generator
) -> list[Batch]:
    """Lay all ``documents`` out in rows of a few lengths, none cut in two, in random order."""
    batches = []
    widths = [next((width for width in WIDTHS if len(one[0]) <= width), 0) for one in documents]
    # Some short ones go into long rows, where they stand behind others as in a long conversation.
    moved = rng.choice(WIDTHS, size=len(documents), p=WIDTH_SHARES)
    for width in WIDTHS:
        fitting = [
            documents[index]
            for index in rng.permutation(len(documents))
            if widths[index] and max(widths[index], moved[index]) == width
        ]
        rows = _rows(fitting, width)
        of_batch = batch_tokens // width
        for start in range(0, len(rows) - of_batch + 1, of_batch):
            tokens = np.full((of_batch, width), pad, dtype=np.int64)
            weights = np.zeros((of_batch, width), dtype=np.float32)
            for row, parts in enumerate(rows[start : start + of_batch]):
                joined = [np.concatenate([part[of] for part in parts]) for of in (0, 1)]
                tokens[row, : len(joined[0])], weights[row, : len(joined[0])] = joined
            batches.append(Batch(torch.from_numpy(tokens), torch.from_numpy(weights)))
    return [batches[index] for index in rng.permutation(len(batches))]


def _rows(documents: list[Document], width: int) -> list[list[Document]]:
    """Put each document into the fullest of some open rows that has room for it."""
    full: list[list[Document]] = []
    open_rows: list[tuple[int, list[Document]]] = []
    for document in documents:
        size = len(document[0])
        fits = [index for index, (used, _) in enumerate(open_rows) if used + size <= width]
        if fits:
            best = max(fits, key=lambda index: open_rows[index][0])
            used, row = open_rows[best]
            row.append(document)
            open_rows[best] = (used + size, row)
            continue
        if len(open_rows) == OPEN_ROWS:
            fullest = max(range(OPEN_ROWS), key=lambda index: open_rows[index][0])
            full.append(open_rows.pop(fullest)[1])
        open_rows.append((size, [document]))
    return full + [row for _, row in open_rows]


def endless(documents: list[Document], pad: int, batch_tokens: int, seed: int) -> Iterator[Batch]:
    """Yield batches round after round: the same seed gives the same ones.

    Raises ValueError when a round fills none.
    """
    for number in itertools.count():
        batches = packed(documents, pad, batch_tokens, np.random.default_rng([seed, number]))
        if not batches:
            raise ValueError(
                f"{len(documents)} chats do not fill a batch of {batch_tokens} tokens: "
                "train on more of them, or in smaller batches"
            )
        yield from batches
