"""How much faster Medusa is here: measured on replies of both kinds, or not said."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Figures, Mode


class Comparison:
    """Collects the speeds of one model's finished replies."""

    def __init__(self) -> None:
        self._speeds: dict[Mode, list[float]] = {"medusa": [], "plain": []}

    def add(self, mode: Mode, figures: Figures) -> None:
        """Count a finished reply; one too short to have a speed is left out."""
        if figures.tokens_per_second is not None:
            self._speeds[mode].append(figures.tokens_per_second)

    @property
    def speed_up(self) -> float | None:
        """Median tokens per second with Medusa over that without; None until both are known."""
        with_medusa, plain = self._speeds["medusa"], self._speeds["plain"]
        return median(with_medusa) / median(plain) if with_medusa and plain else None
