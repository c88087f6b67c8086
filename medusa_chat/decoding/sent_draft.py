"""A draft as a CUDA graph sends it to the host, in the one copy that tells what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.source import Source
from medusa_chat.decoding.step_record import Guesses, path_weights, sources_of_heads


@dataclass(frozen=True, slots=True)
class DraftLayout:
    """How a draft is sent: a row each of parents, tokens, likelihoods and, if known, sources.

    The likelihoods are float64, of whole paths or of each guess alone (its logarithm).
    """

    size: int
    has_sources: bool
    of_paths: bool

    @classmethod
    def of(cls, draft: Draft) -> DraftLayout:
        """Return the layout of ``draft``, the same at every step of a shape."""
        return cls(draft.tree.size, draft.sources is not None, draft.weights is not None)

    @property
    def places(self) -> int:
        """Whole numbers that are sent."""
        return self.size * (4 if self.has_sources else 3)


def packed(draft: Draft) -> list[Tensor]:
    """Return the rows of ``draft``, by operations that a CUDA graph can hold."""
    tree = draft.tree
    if isinstance(draft.weights, Tensor):
        likelihoods = draft.weights
    elif draft.log_probs is not None:
        places = (tree.depths - 1) * draft.log_probs.shape[1] + tree.ranks
        likelihoods = draft.log_probs.flatten().index_select(0, places[1:])
    else:  # the root alone
        likelihoods = torch.ones(tree.size - 1, device=tree.parents.device)
    likelihoods = functional.pad(likelihoods.double(), (1, 0), value=1.0).view(torch.long)
    rows = [tree.parents, draft.tokens, likelihoods]
    if draft.sources is None:
        return rows
    assert isinstance(draft.sources, Tensor), "a device has drafted it"
    return [*rows, draft.sources]


class SentDraft:
    """What a step has sent of its draft; read only when somebody asks."""

    __slots__ = ("_layout", "_numbers")

    def __init__(self, layout: DraftLayout, numbers: NDArray[Any]) -> None:
        self._layout = layout
        self._numbers = numbers

    def read(self) -> Guesses:
        """Return it in plain numbers."""
        size, rows = self._layout.size, self._numbers.reshape(-1, self._layout.size)
        parents: list[int] = rows[0].tolist()
        likelihoods: Sequence[float] = rows[2].view(np.float64).tolist()
        weights = list(likelihoods)
        if not self._layout.of_paths:
            weights = path_weights(parents, likelihoods[1:])
        sources = sources_of_heads(size)
        if self._layout.has_sources:
            sources = [Source(number) for number in rows[3].tolist()]
        return Guesses(parents, rows[1].tolist(), sources, weights)
