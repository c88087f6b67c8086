"""How much faster Medusa is here: measured on replies of both kinds, or not said."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medusa_chat.tui.background import in_background

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Figures, Mode
    from medusa_chat.engine.protocol import Loaded
    from medusa_chat.library.speeds import Speed

_LOG = logging.getLogger(__name__)

_ENOUGH_TOKENS = 50
"""Of each kind: a reply of a few words is over before its speed means anything."""
_CLEARLY_LESS = 0.95
"""Replies of one kind differ by this much from time to time."""


class Comparison:
    """Adds up the finished replies of one model, those with Medusa and those without."""

    def __init__(self) -> None:
        self._tokens: dict[Mode, int] = {"medusa": 0, "plain": 0}
        self._seconds: dict[Mode, float] = {"medusa": 0.0, "plain": 0.0}

    def add(self, mode: Mode, figures: Figures) -> None:
        """Count a finished reply; one too short to have a speed is left out."""
        if figures.tokens_per_second is not None:
            # As in tokens per second, the first token's time is prefill's.
            self._tokens[mode] += figures.tokens - 1
            self._seconds[mode] += figures.decode_seconds

    @property
    def rates(self) -> tuple[float, float] | None:
        """Tokens per second of all plain replies, and of all with Medusa; None until known."""
        if min(self._tokens.values()) < _ENOUGH_TOKENS:
            return None
        plain, medusa = (self._tokens[mode] / self._seconds[mode] for mode in ("plain", "medusa"))
        return plain, medusa

    @property
    def speed_up(self) -> float | None:
        """How many times as fast replies are with Medusa; None until known."""
        rates = self.rates
        return None if rates is None else rates[1] / rates[0]

    def slowdown(self, figures: Figures) -> float | None:
        """Return how many times as fast as plain replies one with Medusa is, if clearly slower.

        By its own speed, once that means something, else by that of all replies so far; None where
        it is no slower, or nothing was measured.
        """
        plain_tokens, plain_seconds = self._tokens["plain"], self._seconds["plain"]
        ratio = self.speed_up
        rate = figures.tokens_per_second
        if rate is not None and min(figures.tokens, plain_tokens) >= _ENOUGH_TOKENS:
            ratio = rate * plain_seconds / plain_tokens
        return ratio if ratio is not None and ratio < _CLEARLY_LESS else None

    def speed(self, loaded: Loaded | None) -> Speed | None:
        """Return what was measured with the model, for the list of models; None until known."""
        if self.rates is None or loaded is None:
            return None
        from medusa_chat.library.speeds import Speed

        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Speed(
            loaded.model, loaded.quantization, loaded.dtype, loaded.device, *self.rates, now
        )


async def keep(speed: Speed) -> None:
    """Write a measurement down; a disk that takes none is a line in the log."""
    from medusa_chat.library import speeds

    try:
        await in_background(speeds.record, speed)
    except OSError as error:
        _LOG.warning("the speed-up was not kept: %s", error)
