"""The automatic tree: grown from all sources, its size following the machine and the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medusa_chat.decoding.drafting import TreeShape
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.step_times import StepTimes
from medusa_chat.decoding.tree_sizer import TreeSizer

StepShape = TreeShape | MixedTree


class AdaptiveTree:
    """Gives each step its shape, the root alone included. The text is the same with any.

    ``shape_of`` makes the shape of a size. What was accepted is remembered from reply to reply.
    """

    def __init__(
        self, times: StepTimes, largest: int, depth: int, shape_of: Callable[[int], StepShape]
    ) -> None:
        self.size = largest
        """Nodes of the largest step, the root included."""
        self.depth = depth
        """Of the deepest tree."""
        self.times = times
        self._shape_of = shape_of
        self._shapes: dict[int, StepShape] = {}
        self._warm: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Begin with nothing known of the text, as a measured run does; times stay known."""
        self._sizer = TreeSizer(self.times, self.size, self.depth)

    def next_shape(self) -> StepShape:
        """Return the shape of the next step."""
        size = self._sizer.next_size()
        shape = self._shapes.get(size)
        if shape is None:
            shape = self._shapes[size] = self._shape_of(size)
        return shape

    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        """Count a step: the ``accepted`` nodes, the root's among them, and what it took."""
        # The first step of a size makes room, or a graph: it says nothing of those to come.
        is_warm = shape.size in self._warm
        self._warm.add(shape.size)
        self._sizer.observe(shape.size, accepted[1:], seconds if is_warm else None)
