"""What the gauges show, gathered from the engine's events as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Figures, Mode
    from medusa_chat.engine.protocol import Bursts, Started

RECENT_BURSTS = 64


@dataclass(frozen=True, slots=True)
class Readings:
    """One look at the gauges. None stands for what was not measured."""

    figures: Figures | None = None
    recent_bursts: tuple[int, ...] = ()
    """Tokens of the latest bursts, in order."""
    mode: Mode | None = None
    tree: str | None = None
    seed: int | None = None
    context_limit: int | None = None
    speed_up: float | None = None
    launches: str | None = None
    """How steps are run, where there is more than one way."""


class Meter:
    """Follows the newest reply."""

    def __init__(self) -> None:
        self._figures: Figures | None = None
        self._started: Started | None = None
        self._bursts: dict[int, int] = {}

    def start(self, started: Started) -> None:
        """Begin with a reply: what was measured on the one before it goes."""
        self._started = started
        self._figures = None
        self._bursts.clear()

    def extend(self, bursts: Bursts) -> None:
        """Take in what came."""
        self._figures = bursts.figures
        for piece in bursts.pieces:
            self._bursts[piece.burst] = self._bursts.get(piece.burst, 0) + piece.tokens
        for burst in list(self._bursts)[:-RECENT_BURSTS]:
            del self._bursts[burst]

    def finish(self, figures: Figures) -> None:
        """Take in a reply's last figures."""
        self._figures = figures

    def readings(self, context_limit: int | None, speed_up: float | None) -> Readings:
        """Return what the gauges show now."""
        started = self._started
        return Readings(
            figures=self._figures,
            recent_bursts=tuple(self._bursts.values()),
            mode=started.mode if started else None,
            tree=started.tree if started else None,
            seed=started.seed if started else None,
            context_limit=context_limit,
            speed_up=speed_up,
            launches=started.launches if started else None,
        )
