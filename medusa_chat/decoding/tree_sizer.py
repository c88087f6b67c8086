"""The tree size that gives most tokens a second, chosen anew as a reply goes on.

Trees are grown best first, so the first n nodes of a large one are the tree of n nodes: a step over
N nodes tells what every smaller tree would have accepted. That, and the measured time of a step of
each size, decide; the root alone, plain decoding, is one of the sizes. What text comes next cannot
be known, so now and then a step is spent on a larger tree to see whether it would pay, the more
seldom the less it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from medusa_chat.decoding.step_times import SIZES, StepTimes

_MEMORY_STEPS = 48
"""Over about so many steps acceptance is averaged: a reply's parts differ."""
_TRUSTED_STEPS = 5
"""As many steps as this count what was believed before a reply."""
_PROBE_STEPS = 2
_FIRST_STEPS = 4
"""Of each size that was never timed, to begin with."""
_SHORTEST_PAUSE = 24
_PROBE_SHARE = 0.01
"""Of the time, at most, goes into probes that bring nothing."""
_WORTH = 1.02
"""By so much a larger size must be better: below, it is noise."""
_CHANGE = 1.03
"""By so much another size must be better than the one in use: a step after one of another size
takes longer."""


class TreeSizer:
    """Chooses the size of each step's tree. Feed it every step."""

    def __init__(
        self, times: StepTimes, largest: int, depth: int, believed: Sequence[float] | None = None
    ) -> None:
        """Choose among ``SIZES`` up to ``largest``, of trees at most ``depth`` deep.

        ``believed`` are accepted tokens a step by size, from before.
        """
        self._times = times
        self._depth = depth
        self.sizes = tuple(size for size in SIZES if size <= largest)
        self.accepted = list(believed or self._guess())[: len(self.sizes)]
        """Accepted tokens a step, by size: an average over the latest steps that could tell."""
        self._weights = [float(_TRUSTED_STEPS)] * len(self.sizes)
        self.size = self._best()
        self._probes_left = 0
        self._probes = 0
        # A short reply is over before a probe could pay.
        self._until_probe = _SHORTEST_PAUSE
        if self._times.missing(self.sizes):
            self._begin_probe()

    @property
    def is_probing(self) -> bool:
        """Whether the next step's size is tried only."""
        return self._probes_left > 0

    def next_size(self) -> int:
        """Return the size of the next step's tree."""
        return self._probe_size() if self._probes_left else self.size

    def observe(self, size: int, places: Sequence[int], seconds: float | None) -> None:
        """Count a step over ``size`` nodes that took ``seconds``, None where that means nothing.

        ``places`` are those of the accepted drafts in the order in which the tree was grown, the
        root being 0: a tree of n nodes has the places below n.
        """
        if seconds is not None:
            self._times.add(size, seconds)
        if size == self.sizes[0] and self._until_probe and not self._probes_left:
            self._until_probe -= 1  # it tells nothing of any tree
            return
        surprise = 0.0
        for index, one in enumerate(self.sizes):
            if one <= size:
                tokens = 1 + sum(place < one for place in places)
                weight = self._weights[index] = min(self._weights[index] + 1, _MEMORY_STEPS)
                surprise = (tokens - self.accepted[index]) / weight
            elif self._weights[index] > _TRUSTED_STEPS:
                break  # larger ones were seen themselves
            # Where a tree brings less than was thought larger ones will, too: what further nodes
            # add is believed as before until they are seen.
            self.accepted[index] += surprise
        self._turn()

    def _turn(self) -> None:
        """Choose the size, and when to probe next."""
        best = self._best()
        if self._rate(self.sizes.index(best)) > self._rate(self.sizes.index(self.size)) * _CHANGE:
            self.size = best
        if self._probes_left:
            self._probes_left -= 1
        elif self._until_probe:
            self._until_probe -= 1
        else:
            self._begin_probe()

    def _begin_probe(self) -> None:
        """Have the next steps try another size that might pay, and rest after it."""
        missing = self._times.missing(self.sizes)
        if missing:
            self._probes_left, self._until_probe = _FIRST_STEPS * len(missing), 0
            return
        self._probes += 1
        size = self._probe_size()
        if size == self.size:
            self._until_probe = _SHORTEST_PAUSE
            return
        self._probes_left = _PROBE_STEPS
        now, then = self._times.of(self.size), self._times.of(size)
        assert now is not None, "the size that is used is timed"
        assert then is not None, "no size is missing"
        lost = max(0.0, then / now - 1) * _PROBE_STEPS
        self._until_probe = max(_SHORTEST_PAUSE, round(lost / _PROBE_SHARE))

    def _probe_size(self) -> int:
        """Return an untimed size, else one of those that would pay if all drafts were right.

        Of those every other probe takes the largest, which tells of all smaller ones what they
        would accept; the rest tell how long these take.
        """
        missing = self._times.missing(self.sizes)
        if missing:
            return missing[0]
        best = self._rate(self.sizes.index(self.size))
        might_pay = [
            size
            for size in self.sizes
            if size != self.size
            and min(size, self._depth + 1) / (self._times.of(size) or 1) > best * _WORTH
        ]
        if not might_pay:
            return self.size
        return might_pay[-1 if self._probes % 2 else self._probes // 2 % len(might_pay)]

    def _rate(self, index: int) -> float:
        """Return tokens a second with a size, 0 where its steps were never timed."""
        seconds = self._times.of(self.sizes[index])
        return 0.0 if seconds is None else self.accepted[index] / seconds

    def _best(self) -> int:
        """Return the size with most tokens a second; the smaller one where they are alike."""
        best, best_rate = self.sizes[0], 0.0
        for index, size in enumerate(self.sizes):
            if self._rate(index) > best_rate * _WORTH:
                best, best_rate = size, self._rate(index)
        return best

    def _guess(self) -> list[float]:
        """Return acceptance to begin with: small trees soon pay, large ones add little."""
        return [1 + 0.35 * (size.bit_length() - 1) for size in self.sizes]
