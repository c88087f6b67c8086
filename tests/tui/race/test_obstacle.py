"""Why there is nothing to race."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_chat.settings import DecodeSettings
from medusa_chat.tui.race.obstacle import obstacle

from ..scripted_engine import DEMO

HEADLESS = replace(DEMO, heads=0)


@pytest.mark.parametrize(
    ("loaded", "settings", "words"),
    [
        (replace(DEMO, plain_reason="its positions are odd."), {}, "its positions are odd."),
        (DEMO, {"tree": "root"}, "root alone"),
        (DEMO, {"tree_size": 1}, "root alone"),
        (HEADLESS, {"draft": "heads"}, "--draft all"),
        (HEADLESS, {"tree": "chain"}, "--tree chain"),
    ],
)
def test_obstacle(loaded: object, settings: dict[str, object], words: str) -> None:
    reason = obstacle(loaded, DecodeSettings(**settings))  # type: ignore[arg-type]
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize("loaded", [DEMO, HEADLESS])
@pytest.mark.parametrize("medusa", [True, False])
def test_none(loaded: object, *, medusa: bool) -> None:
    # Medusa turned off is no obstacle: a race turns it on and off itself.
    assert obstacle(loaded, DecodeSettings(medusa=medusa)) is None  # type: ignore[arg-type]
