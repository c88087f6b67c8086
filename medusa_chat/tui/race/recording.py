"""What one side of a race wrote, and when: enough to show it again as it came."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_chat.tui.reply_text import ReplyText

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Figures, Mode, StopReason
    from medusa_chat.engine.protocol import Bursts, Finished, Piece, Started
    from medusa_chat.settings import DecodeSettings


@dataclass(frozen=True, slots=True)
class Arrival:
    """Text that came at once."""

    seconds: float
    """Since the side began, by the engine's own clock: what the screen was busy with is not in."""
    pieces: tuple[Piece, ...]
    figures: Figures
    """Those so far."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One side of a race, as far as it has come."""

    settings: DecodeSettings
    started: Started
    arrivals: tuple[Arrival, ...]
    figures: Figures
    stop_reason: StopReason

    @property
    def mode(self) -> Mode:
        """Which side it is."""
        return self.started.mode

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(piece.text for arrival in self.arrivals for piece in arrival.pieces)

    @property
    def seconds(self) -> float:
        """From the first moment to the last token."""
        return seconds_of(self.figures)

    @property
    def step_seconds(self) -> float | None:
        """What a step took, on average; None before one was over."""
        passes = self.figures.passes
        return self.figures.decode_seconds / passes if passes else None

    @property
    def tree(self) -> str:
        """What was checked at each step, in words."""
        return self.figures.tree_words(self.started.tree)

    def reply_text(self) -> ReplyText:
        """Return the text with the bursts that it came in."""
        text = ReplyText()
        for arrival in self.arrivals:
            for piece in arrival.pieces:
                text.add(piece)
        text.end()
        text.reply_id = self.started.reply_id
        return text

    def tokens_before(self, character: int) -> int:
        """Return how many whole tokens end at or before this place of the text."""
        tokens = end = 0
        for arrival in self.arrivals:
            for piece in arrival.pieces:
                end += len(piece.text)
                if end > character:
                    return tokens
                tokens += piece.tokens
        return tokens


class Recorder:
    """Writes down a side while it runs."""

    def __init__(self, settings: DecodeSettings) -> None:
        self.settings = settings
        self.started: Started | None = None
        self.arrivals: list[Arrival] = []

    def start(self, started: Started) -> None:
        """Take note that the warm-up is over."""
        self.started = started

    def extend(self, bursts: Bursts) -> None:
        """Write down what came."""
        figures = bursts.figures
        self.arrivals.append(Arrival(seconds_of(figures), bursts.pieces, figures))

    def finish(self, finished: Finished) -> Recording:
        """Return the whole side."""
        assert self.started is not None
        return Recording(
            self.settings,
            self.started,
            tuple(self.arrivals),
            finished.figures,
            finished.stop_reason,
        )


def seconds_of(figures: Figures) -> float:
    """Return what the time was at the last token."""
    return (figures.first_token_seconds or 0.0) + figures.decode_seconds


def arrived(arrivals: tuple[Arrival, ...], seconds: float) -> int:
    """Return how many of them had come by then."""
    return bisect_right(arrivals, seconds, key=lambda arrival: arrival.seconds)
