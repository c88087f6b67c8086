"""Trees that are grown first and then cut to what the draft at hand is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.automatic_tree import TreeKind
from medusa_chat.decoding.experience import KindExperience
from medusa_chat.decoding.pruning import USUAL_SIZE, Pruner, Pruning


class CutAt:
    """Cuts every draft to ``nodes``, and notes what it claimed."""

    least = 0.0

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.weights: Sequence[float] = ()

    def size(self, weights: Sequence[float]) -> int:
        """Return how many nodes to check: as many as there are, if not too many."""
        self.weights = weights
        return min(self.nodes, len(weights) + 1)


class PrunedKind(TreeKind):
    """Trees grown by ``pruned_by``, which makes the shape of a size that asks a pruner each time.

    ``root`` is that of the root alone. It is a pruner itself, that of steps in replies.
    """

    # The machine may have been busier when it was measured, or less.
    lasting_steps = 200

    def __init__(
        self,
        experience: KindExperience,
        largest: int,
        depth: int,
        root: StepShape,
        pruned_by: Callable[[int, Pruner], StepShape],
    ) -> None:
        self._root = root
        self._pruned_by = pruned_by
        self._cuts: dict[int, CutAt] = {}
        self._stored_trust = self._kept_trust = experience.trust
        super().__init__(experience, largest, depth, self._cut_shape)
        self._grown: dict[int, StepShape] = {1: root}
        self._size = 1

    @property
    def least(self) -> float:
        """A node less likely than this is not worth its place, wherever that is."""
        return self._pruning.least

    def size(self, weights: Sequence[float]) -> int:
        """Return how many nodes of the draft at hand to check, the root included."""
        self._size = self._pruning.size(weights)
        return self._size

    def forget(self) -> None:
        """Begin with what was known of acceptance when the kind was made."""
        super().forget()
        self._pruning = self._begun()

    def begin(self) -> None:
        """Prepare for a reply."""
        self._pruning.begin()

    def set_aside(self) -> Callable[[], None]:
        """Return what brings back all that is known now, whatever is learnt until then."""
        bring_back_beliefs, pruning = super().set_aside(), self._pruning

        def bring_back() -> None:
            bring_back_beliefs()
            self._pruning = pruning

        return bring_back

    def experience(self) -> KindExperience:
        """Return what is known by now, for another time; it outlives ``forget``, too."""
        known = super().experience()
        if self._pruning.has_learnt:
            self._kept_trust = self._pruning.trust
        return KindExperience(known.seconds, known.accepted, self._kept_trust)

    def measured(self) -> None:
        """Begin with what was measured outside of replies."""
        super().measured()
        self._stored_trust = self._kept_trust = self._pruning.trust
        self._pruning = self._begun()

    @property
    def rate(self) -> float:
        """Tokens a second, as far as is known."""
        return self._pruning.rate

    def next_shape(self) -> StepShape:
        """Return the shape of the next step, if that is to be of this kind."""
        size = self._pruning.next_size()
        shape = self._grown.get(size)
        if shape is None:
            shape = self._grown[size] = self._pruned_by(size, self)
        return shape

    def observe(self, size: int, accepted: Sequence[int], seconds: float) -> None:
        """Count a step of this kind."""
        drafted = size > 1
        checked = self._size if drafted else 1
        is_warm = self._warmed(checked)
        self._pruning.observe(checked, accepted[1:], seconds if is_warm else None, drafted=drafted)

    def believe(self, size: int, accepted: Sequence[int]) -> Sequence[int]:
        """Count what was accepted of a draft that ``shape`` has cut at ``size``, or not at all."""
        # Not those that were pruned: of large trees there are then the promising ones alone.
        places = super().believe(size, accepted)
        self._pruning.believe(self._cuts[size].weights, places)
        return places

    def _cut_shape(self, size: int) -> StepShape:
        if size == 1:
            return self._root
        cut = self._cuts[size] = CutAt(size)
        # Not smaller than drafts mostly are: what they take belongs to the time of a step.
        return self._pruned_by(max(size, min(USUAL_SIZE, self.sizes[-1])), cut)

    def _begun(self) -> Pruning:
        known = self.beliefs.known.items()
        rates = [one.tokens / seconds for size, one in known if (seconds := self.times.of(size))]
        return Pruning(self.times, self.sizes, self._stored_trust, max(rates, default=0.0))
