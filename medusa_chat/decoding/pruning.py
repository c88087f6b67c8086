"""How much of a draft is worth checking, decided at each step once its guesses are known.

A draft says how likely it holds each node, and the best are its first. So what the first n of them
will bring is known before the forward pass, as far as such claims can be trusted: how much of what
they claimed has come true is counted, over all replies by the place of a node and over the reply by
itself. Against it stands the measured time of a step over n nodes. Time is worth what it brings
elsewhere: tokens a second of the reply so far, or of plain decoding.

Where drafts do not even pay for being made, steps are plain ones, and heads are not run. After a
few of them a draft is made again, to see, after twice as many the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from medusa_chat.decoding.experience import Trust
from medusa_chat.decoding.step_times import StepTimes

_FIRST_SIZE = 4
"""Of drafts, to begin with, where none was ever timed: what pays first."""
USUAL_SIZE = 8
"""To which drafts are grown, to begin with: what is not checked was grown for nothing."""
_UNUSED_DRAFTS = 16
"""In a row that were grown further than was checked, before they are grown less far."""
_CLAIMED, _TRUSTED = 10.0, 0.7
"""So many tokens are claimed of each band of nodes before any was seen, and so much came true."""
_LONG_STEPS = 1000
"""Over about so many drafts claims are compared with what came of them, by the place of a node."""
_REPLY_STEPS, _REPLY_TOKENS = 20, 4.0
"""The same for the text of the moment, and the tokens that came as hoped for before it."""
_FADE_STEPS = 50
"""Plain steps after which what was learnt of the text is no longer sure."""
_RATE_STEPS, _RATE_KNOWN = 16, 8.0
"""Steps over which tokens a second are averaged, and those that count before any."""
_WORTH_DRAFTS, _WORTH_KNOWN = 8.0, 1.5
"""Drafts over which it is averaged what one is worth, and those that count before any."""
_HOPE = 0.3
"""Tokens that a draft is worth, beyond its cost, before any was seen."""
_SHORTEST_REST, _LONGEST_REST = 6, 64
"""Plain steps after drafts that did not pay, before the next one."""
_TINY = 1e-6


class Pruner(Protocol):
    """What a draft asks as it grows."""

    @property
    def least(self) -> float:
        """A node less likely than this is not worth its place, wherever that is."""

    def size(self, weights: Sequence[float]) -> int:
        """Return how many nodes to check, the root included.

        ``weights`` say how likely each node but the root is held, the likeliest first.
        """


class Pruning:
    """Chooses between plain steps and drafts, and prunes these. Feed it every step."""

    def __init__(
        self,
        times: StepTimes,
        sizes: Sequence[int],
        trust: Mapping[int, Trust],
        rate: float = 0.0,
    ) -> None:
        """Choose among ``sizes``, of which the first is the root alone.

        ``trust`` in claims, by size, and the ``rate``, in tokens a second, are from before.
        """
        self._times = times
        self._sizes = tuple(sizes[1:])
        self._first = min(_FIRST_SIZE, self._sizes[-1])
        # The index of the size that drafts are grown to.
        self._grown = sum(size < USUAL_SIZE for size in self._sizes[:-1])
        self._unused = 0
        known = [trust.get(size) or Trust(_CLAIMED, _CLAIMED * _TRUSTED) for size in self._sizes]
        self._claimed = [one.claimed for one in known]
        self._came = [one.came for one in known]
        self._known_rate = rate
        self._least = 0.0
        self.has_learnt = False
        """Whether ``trust`` is another than it was."""
        # Of the draft that is being made: the costs, in tokens, and what bands of nodes claim.
        self._costs = [0.0] * len(self._sizes)
        self._bands: list[float] = []
        self._hopes: list[float] = []
        self.begin()

    @property
    def least(self) -> float:
        """A node less likely than this is not worth its place, wherever that is."""
        return self._least

    @property
    def rate(self) -> float:
        """Tokens a second of late, or what was known of them; plain decoding's at least."""
        plain = self._times.of(1)
        lately = self._tokens / self._seconds if self._seconds else self._known_rate
        return lately if plain is None else max(lately, 1 / plain)

    @property
    def trust(self) -> dict[int, Trust]:
        """What the nodes of each size that the one below lacks have claimed, and what came true."""
        both = zip(self._sizes, self._claimed, self._came, strict=True)
        return {size: Trust(claimed, came) for size, claimed, came in both}

    def begin(self) -> None:
        """Prepare for a reply: it may be guessed well where the last one was not."""
        # Of its text: what was hoped of drafts, and what they brought.
        self._hoped = self._brought = _REPLY_TOKENS
        self._tokens = self._seconds = 0.0
        self._worth, self._drafts = _HOPE, _WORTH_KNOWN
        self._rest, self._next_rest = 0, _SHORTEST_REST

    def next_size(self) -> int:
        """Return 1 for a plain step, or how many nodes to grow for a draft that ``size`` prunes."""
        plain = self._times.of(1)
        if self._rest or plain is None:
            return 1
        rate = self.rate
        self._costs = [rate * (seconds - plain) for seconds in self._drafted_seconds(plain)]
        slopes = [
            (cost - self._costs[0]) / (size - self._sizes[0])
            for size, cost in zip(self._sizes[1:], self._costs[1:], strict=True)
        ]
        most = max(came / claimed for claimed, came in zip(self._claimed, self._came, strict=True))
        trusted = max(_TINY, most * self._brought / self._hoped)
        # Half of it: a tree has one of a few sizes, and its last nodes are weighed together.
        self._least = 0.5 * max(0.0, min(slopes, default=0.0)) / trusted
        return self._sizes[self._grown]

    def size(self, weights: Sequence[float]) -> int:
        """Return how many nodes of a draft to check, the root included.

        ``weights`` say how likely each node but the root is held, the likeliest first.
        """
        self._bands, self._hopes = [], []
        factor, hope, place = self._brought / self._hoped, 0.0, 0
        best, best_worth, first = 1, 0.0, 1
        for size, cost, claimed, came in zip(
            self._sizes, self._costs, self._claimed, self._came, strict=True
        ):
            if size - 1 > len(weights):
                break
            band = sum(weights[place : size - 1])
            hope += factor * band * came / claimed
            place = size - 1
            self._bands.append(band)
            self._hopes.append(hope)
            # It is made already: any of its nodes is better than none.
            if best == 1 or hope - cost > best_worth:
                best, best_worth = size, hope - cost
            if size <= self._first:
                first = size
        return best if self._times.of(self._first) else first

    def observe(
        self, size: int, places: Sequence[int], seconds: float | None, *, drafted: bool
    ) -> None:
        """Count a step over ``size`` nodes that took ``seconds``, None where that means nothing.

        ``places`` are those of the accepted nodes in the order of growth, without the root's, 0.
        """
        # A draft of which nothing was worth checking is no plain step.
        if seconds is not None and (size > 1 or not drafted):
            self._times.add(size, seconds)
        self._count_rate(size, 1 + len(places))
        if not drafted:
            self._rest = max(0, self._rest - 1)
            # The text goes on, and what was learnt of it holds less and less.
            faded = 1 - 1 / _FADE_STEPS
            self._hoped = _REPLY_TOKENS + (self._hoped - _REPLY_TOKENS) * faded
            self._brought = _REPLY_TOKENS + (self._brought - _REPLY_TOKENS) * faded
            self._drafts = max(_WORTH_KNOWN, self._drafts * faded)
            return
        hope, cost = 0.0, self._costs[0]
        if size > 1:
            index = self._sizes.index(size)
            hope, cost = self._hopes[index], self._costs[index]
            self._count_use(index)
            before = self._brought / self._hoped
            self._count_claims(self._bands[: index + 1], places)
            self._hoped += hope / before - self._hoped / _REPLY_STEPS
            brought = self._brought + len(places) - self._brought / _REPLY_STEPS
            self._brought = max(_TINY, brought)
            # What was just learnt of the text counts already.
            hope *= self._brought / self._hoped / before
        self._drafts = min(self._drafts + 1, _WORTH_DRAFTS)
        self._worth += (hope - cost - self._worth) / self._drafts
        if self._worth < 0:
            self._rest = self._next_rest
            self._next_rest = min(2 * self._next_rest, _LONGEST_REST)
        else:
            self._next_rest = _SHORTEST_REST

    def believe(self, weights: Sequence[float], places: Sequence[int]) -> None:
        """Count what came of a draft's claims, where it was made for that and checked whole."""
        ends = [size - 1 for size in self._sizes if size - 1 <= len(weights)]
        bands = [sum(weights[end:to]) for end, to in zip([0, *ends], ends, strict=False)]
        self._count_claims(bands, places)

    def _drafted_seconds(self, plain: float) -> list[float]:
        """Return T(n) of every size; for one that was never measured, the next smaller one's."""
        # As if more nodes cost nothing, so that they are tried where they might pay.
        every = [self._times.of(size) for size in self._sizes]
        least = next((seconds for seconds in every if seconds is not None), plain)
        known = []
        for seconds in every:
            least = least if seconds is None else seconds
            known.append(least)
        return known

    def _count_use(self, index: int) -> None:
        """Have drafts grown one size further than what is checked of them, no less and no more."""
        self._unused = self._unused + 1 if index + 1 < self._grown else 0
        if index >= self._grown:
            self._grown = min(index + 1, len(self._sizes) - 1)
        elif self._unused == _UNUSED_DRAFTS:
            self._grown -= 1
            self._unused = 0

    def _count_rate(self, size: int, tokens: int) -> None:
        plain = self._times.of(1)
        if plain is None:
            return
        if not self._seconds:
            self._seconds = _RATE_KNOWN * plain
            self._tokens = _RATE_KNOWN * max(1.0, self._known_rate * plain)
        # What such steps usually take: a single one may have been disturbed.
        seconds = self._times.of(size) or plain
        self._tokens += tokens - self._tokens / _RATE_STEPS
        self._seconds += seconds - self._seconds / _RATE_STEPS

    def _count_claims(self, bands: Sequence[float], places: Sequence[int]) -> None:
        begin, self.has_learnt = 1, True
        for index, (size, band) in enumerate(zip(self._sizes, bands, strict=False)):
            came = sum(begin <= place < size for place in places)
            self._claimed[index] += band - self._claimed[index] / _LONG_STEPS
            self._came[index] += came - self._came[index] / _LONG_STEPS
            begin = size
