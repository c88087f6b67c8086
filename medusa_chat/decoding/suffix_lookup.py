"""Prompt lookup and suffix chains: where the conversation said the same before, and how it went on.

The longest stretch before the next token that was said earlier is found through the last place of
every two and three tokens in a row; what followed there is a guess, the surer the longer the
stretch (how sure is counted, see ``ChainAcceptance``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_MATCHED = 16
"""Stretches are compared no further back than this."""

_LENGTHS = (3, 2, 1)


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier place: the ``slot`` behind it, and how many tokens before it are the same.

    No place is slot 0, length 0.
    """

    slot: int
    length: int


class SuffixLookup:
    """The tokens of one conversation and where each stretch of them last stood."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._places: dict[tuple[int, ...], int] = {}

    def extend(self, tokens: Sequence[int]) -> None:
        """Append ``tokens``."""
        start = len(self.tokens)
        text = self.tokens
        text += tokens
        places = self._places
        for place in range(start, len(text)):
            for length in _LENGTHS:
                if length <= place + 1:
                    places[tuple(text[place + 1 - length : place + 1])] = place

    def truncate(self, length: int) -> None:
        """Forget all but the first ``length`` tokens."""
        if length < len(self.tokens):
            kept = self.tokens[:length]
            self.tokens = []
            self._places = {}
            self.extend(kept)

    def match(self, root: int) -> Match:
        """Return the last place of the longest stretch that ends in ``root``, the next token."""
        text = self.tokens
        behind = (*text[-(_LENGTHS[0] - 1) :], root)
        for length in _LENGTHS:
            if length > len(behind):
                continue
            place = self._places.get(behind[-length:])
            if place is None:
                continue
            # ``matched`` tokens up to the place equal as many up to the root.
            matched = length
            while (
                matched < min(MOST_MATCHED, place + 1)
                and matched <= len(text)
                and text[place - matched] == text[-matched]
            ):
                matched += 1
            return Match(place + 1, matched)
        return Match(0, 0)


class ChainAcceptance:
    """How often what followed an earlier place came again, by the length of the stretch.

    Until enough is counted the figure is a guess that rises with the length.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin to count anew."""
        lengths = range(1, MOST_MATCHED + 1)
        self._right = [_PRIOR_TRIES * length / (length + _HALFWAY) for length in lengths]
        self._tries = [_PRIOR_TRIES] * MOST_MATCHED
        self._odds = [0.0, *map(self._odds_of, range(MOST_MATCHED))]

    def count(self, length: int, *, right: bool) -> None:
        """Count a guess behind a stretch of ``length`` tokens."""
        self._right[length - 1] += right
        self._tries[length - 1] += 1
        self._odds[length] = self._odds_of(length - 1)

    def odds(self) -> list[float]:
        """Return right against wrong by length; that of length 0 is nothing."""
        return self._odds.copy()

    def _odds_of(self, place: int) -> float:
        right, tries = self._right[place], self._tries[place]
        return right / (tries - right)


_PRIOR_TRIES = 4.0
_HALFWAY = 6
"""The length from which a chain is taken to be right half of the time."""
