"""What is known of a reply's steps: how each came out, and the trees that were asked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from medusa_chat.engine.protocol import Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_chat.engine.protocol import CheckedStep, RecordedSteps

Kind = Literal["full", "failed"]

_BEHIND, _AHEAD = 4, 20
"""Trees fetched around the one that is wanted: who looks at one goes on to the next."""
_MOST_TREES = 512


class StepBook:
    """Asks for what is missing, by ``ask``; ``take`` brings the answers."""

    def __init__(self, reply_id: int, ask: Callable[[Steps], None]) -> None:
        self.reply_id = reply_id
        self.is_known: bool | None = None
        """Whether the engine keeps anything of this reply; None before it has answered."""
        self.count = 0
        """Steps by now."""
        self.gone = 0
        """How many of the first ones are not kept."""
        self._ask = ask
        self._outcomes: dict[int, tuple[int, int]] = {}
        self._trees: dict[int, CheckedStep] = {}
        self._asked: tuple[int, int] | None = None

    def refresh(self) -> None:
        """Ask what has been added since."""
        self._ask(Steps(self.reply_id, 0, 0, known=self._known))

    def want(self, number: int) -> CheckedStep | None:
        """Return the tree of a step; None where it has yet to come, and is asked for."""
        tree = self._trees.get(number)
        if tree is None and (self._asked is None or not self._asked[0] <= number < self._asked[1]):
            first = max(self.gone, number - _BEHIND)
            self._asked = first, number + _AHEAD
            self._ask(Steps(self.reply_id, first, number + _AHEAD - first, known=self._known))
        return tree

    def has(self, number: int) -> bool:
        """Tell whether the tree of a step is here."""
        return number in self._trees

    def ask_again(self, number: int) -> None:
        """Ask for a step once more: an engine that ended took along what it was asked."""
        self._asked = None
        self.want(number)

    def take(self, told: RecordedSteps) -> None:
        """Take in an answer of the engine."""
        if told.reply_id != self.reply_id:
            return
        self.is_known = told.is_known
        self.count, self.gone = max(self.count, told.count), max(self.gone, told.gone)
        for place, outcome in enumerate(zip(told.accepted, told.depths, strict=True)):
            self._outcomes[told.known + place] = outcome
        if told.steps:
            self._asked = None
        for place, tree in enumerate(told.steps):
            self._trees[told.first + place] = tree
        while len(self._trees) > _MOST_TREES:
            del self._trees[next(iter(self._trees))]

    def outcome(self, number: int) -> tuple[int, int] | None:
        """Return the tokens that a step emitted, and how deep its tree was; None if not known."""
        return self._outcomes.get(number)

    def is_of(self, number: int, kind: Kind) -> bool:
        """Tell whether a step was right to its tree's end, or had guesses and none was right."""
        accepted, depth = self._outcomes.get(number, (0, 0))
        return depth > 0 and accepted == (depth + 1 if kind == "full" else 1)

    def find(self, start: int, kind: Kind, direction: int) -> int | None:
        """Return the next step of a kind behind ``start``, or before it for -1; None for none."""
        places = range(start + 1, self.count) if direction > 0 else range(start - 1, -1, -1)
        return next((number for number in places if self.is_of(number, kind)), None)

    @property
    def histogram(self) -> dict[int, int]:
        """How many steps emitted how many tokens, the root's included."""
        counts = Counter(accepted for accepted, _ in self._outcomes.values())
        return dict(sorted(counts.items()))

    @property
    def _known(self) -> int:
        return max(self._outcomes, default=-1) + 1
