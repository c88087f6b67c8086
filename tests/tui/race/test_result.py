"""The ratio, and where two texts part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_chat.settings import DecodeSettings

from ..scripted_engine import DEMO
from .races import WORDS, race, side

OTHER = (*WORDS[:4], " a", " lake", ".")


def test_speed_up_is_the_ratio_of_tokens_a_second() -> None:
    # Seven tokens in six steps of 0.1 s, and in two.
    result = race()
    assert result.speed_up == pytest.approx(3.0)
    assert result.seconds == pytest.approx(0.7)
    assert result.difference is None
    assert result.seed == 77


def test_no_speed_of_a_single_token() -> None:
    result = race(side("plain", ("Hi",)), side("medusa", ("Hi",)))
    assert result.speed_up is None
    assert result.difference is None


@pytest.mark.parametrize(
    ("plain", "medusa", "disturbed"),
    [(0.1, 0.1, False), (0.1, 0.3, False), (0.1, 0.095, False), (0.1, 0.08, True)],
)
def test_plain_steps_that_took_longer_were_disturbed(
    plain: float, medusa: float, *, disturbed: bool
) -> None:
    sides = (
        side("plain", step_seconds=plain),
        side("medusa", burst=3, step_seconds=medusa),
    )
    assert race(*sides).is_disturbed is disturbed


def test_a_race_without_steps_was_not_disturbed() -> None:
    assert not race(side("plain", ("Hi",)), side("medusa", ("Hi",))).is_disturbed


def test_first_difference() -> None:
    difference = race(medusa=side("medusa", OTHER, burst=2)).difference
    assert difference is not None
    assert difference.character == len("The fox sat by ")
    assert difference.token == 4
    assert difference.before == "The fox sat by "
    assert (difference.plain, difference.medusa) == ("the sea.", "a lake.")
    assert difference.cause == "defect"


@pytest.mark.parametrize(("mode", "plain", "medusa"), [("plain", "", "."), ("medusa", ".", "")])
def test_one_that_goes_on_behind_the_other(mode: str, plain: str, medusa: str) -> None:
    shorter = WORDS[:-1]
    result = race(
        side("plain", shorter if mode == "plain" else WORDS),
        side("medusa", shorter if mode == "medusa" else WORDS),
    )
    difference = result.difference
    assert difference is not None
    assert (difference.plain, difference.medusa) == (plain, medusa)
    assert difference.token == 6


def test_same_text_of_other_tokens_is_a_difference() -> None:
    difference = race(medusa=side("medusa", ("The fox", *WORDS[2:]))).difference
    assert difference is not None
    assert (difference.plain, difference.medusa) == ("", "")


@pytest.mark.parametrize(
    ("loaded", "settings", "cause"),
    [
        (DEMO, DecodeSettings(), "defect"),
        (replace(DEMO, dtype="bfloat16"), DecodeSettings(), "rounding"),
        (replace(DEMO, quantization="4bit"), DecodeSettings(), "rounding"),
        (DEMO, DecodeSettings(acceptance="typical"), "typical"),
        (DEMO, DecodeSettings(acceptance="typical", temperature=0), "defect"),
    ],
)
def test_cause(loaded: object, settings: DecodeSettings, cause: str) -> None:
    medusa = side("medusa", OTHER, settings=settings)
    difference = race(medusa=medusa, loaded=loaded).difference  # type: ignore[arg-type]
    assert difference is not None
    assert difference.cause == cause
