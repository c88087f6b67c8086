"""The automatic tree: of the kind and the size that give most tokens a second, chosen as it goes.

One kind is grown anew at each step. The trees of a search, where one was made, are another: they
are right less often, but cost less to lay out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from medusa_chat.decoding.adaptive_tree import AdaptiveTree, StepShape
from medusa_chat.decoding.beliefs import Beliefs
from medusa_chat.decoding.experience import Experience, KindExperience
from medusa_chat.decoding.presets import PathList
from medusa_chat.decoding.step_times import SIZES, StepTimes
from medusa_chat.decoding.tree_sizer import TreeSizer

_STEPS_OF_A_KIND = 8
"""Between two looks at which kind is the faster one."""
_WORTH = 1.02
"""By so much the other kind must be better: below, it is noise."""
_STEPS_AT_ONCE = 4
"""Steps are counted so many at a time: what a forward has put out of the processor's cache is slow
the first time only, and one step says little."""


class TreeKind:
    """Trees of one kind, one of each size up to ``largest``, and what is known of them.

    ``shape_of`` makes the shape of a size, and ``places_of`` gives the nodes of a step of a size
    their places in the order in which the tree grew; without it they are numbered so.
    """

    def __init__(
        self,
        experience: KindExperience,
        largest: int,
        depth: int,
        shape_of: Callable[[int], StepShape],
        places_of: Callable[[int, Sequence[int]], Sequence[int]] | None = None,
    ) -> None:
        self.sizes = tuple(size for size in SIZES if size <= largest)
        self.depth = depth
        self.times = StepTimes(experience.seconds)
        self._stored = experience.accepted
        self._kept = self._stored
        self._shape_of = shape_of
        self._places_of = places_of
        self._shapes: dict[int, StepShape] = {}
        self._warm: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Begin with what was known of acceptance when the kind was made."""
        self.beliefs = Beliefs(self._kept)
        self._sizer = self._sized(Beliefs(self._stored))

    def set_aside(self) -> Callable[[], None]:
        """Return what brings back all that is known now, whatever is learnt until then."""
        beliefs, sizer = self.beliefs, self._sizer

        def bring_back() -> None:
            self.beliefs, self._sizer = beliefs, sizer

        return bring_back

    def experience(self) -> KindExperience:
        """Return what is known by now, for another time; it outlives ``forget``, too."""
        self._kept = self.beliefs.known
        return KindExperience(self.times.measured, self._kept)

    def begin_anew(self) -> None:
        """Begin with what was measured outside of replies: no time need be tried in one."""
        self._stored = self._kept = self.beliefs.known
        self._sizer = self._sized(Beliefs(self._stored))

    @property
    def is_probing(self) -> bool:
        """Whether the next step tries another size than the chosen one."""
        return self._sizer.is_probing

    @property
    def rate(self) -> float:
        """Tokens a second of its best size, as far as is known."""
        pairs = zip(self.sizes, self._sizer.accepted, strict=True)
        return max(accepted / (self.times.of(size) or float("inf")) for size, accepted in pairs)

    def shape(self, size: int) -> StepShape:
        """Return the shape of ``size`` nodes, made once."""
        shape = self._shapes.get(size)
        if shape is None:
            shape = self._shapes[size] = self._shape_of(size)
        return shape

    def next_shape(self) -> StepShape:
        """Return the shape of the next step, if that is to be of this kind."""
        return self.shape(self._sizer.next_size())

    def observe(self, size: int, accepted: Sequence[int], seconds: float) -> None:
        """Count a step of this kind."""
        # The first step of a size makes room, or a graph: it says nothing of those to come.
        is_warm = size in self._warm
        self._warm.add(size)
        places = self.believe(size, accepted)
        self._sizer.observe(size, places, seconds if is_warm else None)

    def believe(self, size: int, accepted: Sequence[int]) -> Sequence[int]:
        """Count what a step accepted, not what it took; return the places of its drafts."""
        places = accepted[1:]
        if self._places_of is not None and places:
            places = self._places_of(size, places)
        if size > 1:
            self.beliefs.add(size, places)
        return places

    def _sized(self, beliefs: Beliefs) -> TreeSizer:
        guessing = TreeSizer(self.times, self.sizes[-1], self.depth)
        believed = beliefs.believed(self.sizes, guessing.accepted)
        return TreeSizer(self.times, self.sizes[-1], self.depth, believed)


class AutomaticTree(AdaptiveTree):
    """Gives each step its shape. What was accepted is remembered from reply to reply."""

    def __init__(
        self,
        grown: TreeKind,
        searched: TreeKind | None = None,
        paths: PathList | None = None,
        *,
        tuning: str = "",
        learns: bool = True,
    ) -> None:
        """Choose among ``grown`` trees, and the ``searched`` ones of ``paths`` where there are.

        ``tuning`` is the name of the one that what is known goes on from.
        """
        self.grown = grown
        self.searched = searched
        """None where no search has shown them faster."""
        self.paths = paths or []
        self.tuning = tuning
        self.kinds = (grown,) if searched is None else (grown, searched)
        self.size = grown.sizes[-1]
        self.depth = grown.depth
        self.learns = learns
        self._kind = max(self.kinds, key=_rate)
        self._until_look = _STEPS_OF_A_KIND
        self._uncounted: list[tuple[int, Sequence[int], float]] = []

    @property
    def next_is_searched(self) -> bool:
        """Whether the next step is of a searched tree."""
        return self._kind is self.searched

    def forget(self) -> None:
        """Begin with nothing known of the text, as a measured run does; times stay known.

        What was accepted since ``TreeKind.experience`` was last asked for is not remembered.
        """
        self._count()
        for kind in self.kinds:
            kind.forget()
        self._kind = max(self.kinds, key=_rate)
        self._until_look = _STEPS_OF_A_KIND

    @contextmanager
    def forgotten(self) -> Iterator[None]:
        """Have nothing known of the text for a while; afterwards it is what it was before.

        What steps take is learnt all the time.
        """
        self._count()
        kind, until_look = self._kind, self._until_look
        bring_back = [one.set_aside() for one in self.kinds]
        self.forget()
        try:
            yield
        finally:
            self._count()
            for back in bring_back:
                back()
            self._kind, self._until_look = kind, until_look

    def experience(self) -> Experience:
        """Return what is known by now, for another time; it outlives ``forget``, too."""
        self._count()
        searched = KindExperience() if self.searched is None else self.searched.experience()
        return Experience(self.grown.experience(), searched, self.paths, self.tuning)

    def next_shape(self) -> StepShape:
        """Return the shape of the next step."""
        return self._kind.next_shape()

    def observe(self, shape: StepShape, accepted: Sequence[int], seconds: float) -> None:
        """Count a step: the ``accepted`` nodes, the root's among them, and what it took."""
        self._uncounted.append((shape.size, accepted, seconds))
        if len(self._uncounted) == _STEPS_AT_ONCE or self._kind.is_probing:
            self._count()

    def _count(self) -> None:
        """Count the latest steps, all of which were of the kind in use."""
        steps, self._uncounted = self._uncounted, []
        for size, accepted, seconds in steps:
            self._kind.observe(size, accepted, seconds)
        if len(self.kinds) == 1:
            return
        self._until_look -= len(steps)
        if self._until_look <= 0:
            self._until_look = _STEPS_OF_A_KIND
            best = max(self.kinds, key=_rate)
            if best.rate > self._kind.rate * _WORTH:
                self._kind = best


def _rate(kind: TreeKind) -> float:
    return kind.rate
