"""A tree that is another at each step, as the decoding loop asks for it and tells what it did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.mixed_tree import MixedTree

StepShape = TreeShape | MixedTree


class AdaptiveTree(ABC):
    """Gives each step its shape, the root alone included. The text is the same with any."""

    size: int
    """Nodes of the largest step, the root included."""
    depth: int
    """Of the deepest tree."""
    learns: bool = True
    """Whether some trees are grown from what the conversation has taught."""

    @abstractmethod
    def next_shape(self) -> StepShape:
        """Return the shape of the next step."""

    @abstractmethod
    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        """Count a step: the ``accepted`` nodes, the root's among them, and what it took."""
