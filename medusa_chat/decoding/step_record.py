"""What a step checked and what came of it, kept as it lies: read only when somebody asks.

A record holds on to what the step has made anyway, so that keeping it takes a microsecond or two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol

from medusa_chat.decoding.acceptance import Draft
from medusa_chat.decoding.source import Source

MOST_STEPS = 16_384
"""Of one reply that are kept: one to four kB each."""


@dataclass(frozen=True, slots=True)
class CheckedTree:
    """One step in plain numbers: a tree, of which the nodes ``accepted`` were right.

    ``parents``, ``tokens`` and ``sources`` have an entry a node, the root's first. ``weights`` say
    how likely the draft held the path down to each; they are empty where it did not say.
    ``next_token`` is what the model chose behind the last right node.
    """

    parents: list[int]
    tokens: list[int]
    sources: list[Source]
    weights: list[float]
    accepted: list[int]
    next_token: int
    seconds: float

    @property
    def depth(self) -> int:
        """Of the deepest node; 0 where the root was alone."""
        depths = [0] * len(self.parents)
        for node, parent in enumerate(self.parents[1:], 1):
            depths[node] = depths[parent] + 1
        return max(depths)


class Drafted(Protocol):
    """What a step checked, as it lies in memory."""

    def read(self) -> Guesses:
        """Return it in plain numbers; on a GPU that waits for it."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """A tree's nodes and how likely each was held, as in ``CheckedTree``."""

    parents: list[int]
    tokens: list[int]
    sources: list[Source]
    weights: list[float]


class KeptDraft:
    """A draft as a step leaves it, but for the tree's mask, which takes more than the rest."""

    __slots__ = (
        "_log_probs",
        "_nodes",
        "_parents",
        "_places",
        "_sources",
        "_tokens",
        "_weights",
    )

    def __init__(self, draft: Draft) -> None:
        tree = draft.tree
        self._nodes = draft.nodes
        if draft.nodes is None:
            self._parents, self._tokens = tree.parents, draft.tokens
        self._sources, self._weights = draft.sources, draft.weights
        self._log_probs = draft.log_probs
        self._places = None if draft.log_probs is None else (tree.depths, tree.ranks)

    def read(self) -> Guesses:
        """Return it in plain numbers."""
        if self._nodes is not None:
            parents, tokens = self._nodes.parents, self._nodes.tokens
        else:
            parents, tokens = self._parents.tolist(), self._tokens.tolist()
        sources = sources_of_heads(len(parents))
        if self._sources is not None:
            sources = [Source(int(number)) for number in self._sources]
        return Guesses(parents, tokens, sources, self._read_weights(parents))

    def _read_weights(self, parents: list[int]) -> list[float]:
        if len(parents) == 1:
            return [1.0]
        if self._weights is not None:
            return [1.0, *(float(weight) for weight in self._weights)]
        if self._log_probs is None or self._places is None:
            return []
        log_probs: list[list[float]] = self._log_probs.tolist()
        depths, ranks = (places.tolist() for places in self._places)
        pairs = zip(depths[1:], ranks[1:], strict=True)
        return path_weights(parents, [log_probs[depth - 1][rank] for depth, rank in pairs])


def sources_of_heads(size: int) -> list[Source]:
    """Return the sources of a tree of ``size`` nodes that the heads alone have guessed."""
    return [Source.ROOT] + [Source.HEAD] * (size - 1)


def path_weights(parents: Sequence[int], log_probs: Sequence[float]) -> list[float]:
    """Return how likely the path to each node is, by each guess's own logarithm, no root's."""
    weights = [1.0]
    for parent, log_prob in zip(parents[1:], log_probs, strict=True):
        weights.append(weights[parent] * exp(log_prob))
    return weights


class StepRecord:
    """One step as it lies in memory; ``checked`` reads it."""

    __slots__ = ("_checked", "_drafted", "_outcome")

    def __init__(
        self, drafted: Drafted, accepted: list[int], next_token: int, seconds: float
    ) -> None:
        self._drafted: Drafted | None = drafted
        self._outcome = accepted, next_token, seconds
        self._checked: CheckedTree | None = None

    @property
    def checked(self) -> CheckedTree:
        """The step in plain numbers, read once."""
        if self._drafted is not None:
            read = self._drafted.read()
            self._checked = CheckedTree(
                read.parents, read.tokens, read.sources, read.weights, *self._outcome
            )
            self._drafted = None
        assert self._checked is not None
        return self._checked


class StepLog:
    """The steps of one reply, in order; of a very long one the last."""

    def __init__(self, most_steps: int = MOST_STEPS) -> None:
        self._records: deque[StepRecord] = deque(maxlen=most_steps)
        self.count = 0
        """Steps there were, those that are gone included."""

    def add(self, record: StepRecord) -> None:
        """Take in the next step."""
        self._records.append(record)
        self.count += 1

    @property
    def gone(self) -> int:
        """How many of the first steps are not kept any more."""
        return self.count - len(self._records)

    def checked(self, first: int, count: int) -> list[CheckedTree]:
        """Return ``count`` steps from ``first`` on, as far as they are kept."""
        start = max(0, first - self.gone)
        end = max(start, first + count - self.gone)
        return [self._records[place].checked for place in range(start, min(end, self.kept))]

    @property
    def kept(self) -> int:
        """How many steps are kept."""
        return len(self._records)
