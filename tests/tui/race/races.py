"""Races that were never run, for tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.protocol import Bursts, Finished, Piece, Prefill, Started
from medusa_chat.settings import DecodeSettings
from medusa_chat.tui.race.recording import Recorder
from medusa_chat.tui.race.result import RaceResult

from ..scripted_engine import DEMO

if TYPE_CHECKING:
    from medusa_chat.decoding.stats import Mode
    from medusa_chat.engine.protocol import Loaded
    from medusa_chat.tui.race.recording import Recording

WORDS = ("The", " fox", " sat", " by", " the", " sea", ".")
FIRST_TOKEN_SECONDS = 0.1
PREFILL = Prefill(prompt_tokens=20, reused_tokens=4, seconds=0.25)


def figures(tokens: int, steps: int, decode_seconds: float) -> Figures:
    return Figures(
        prompt_tokens=20,
        tokens=tokens,
        steps=steps,
        passes=steps - 1,  # the first token is prefill's
        nodes=8 * (steps - 1),
        decode_seconds=decode_seconds,
        first_token_seconds=FIRST_TOKEN_SECONDS,
    )


def side(
    mode: Mode,
    words: tuple[str, ...] = WORDS,
    *,
    step_seconds: float = 0.1,
    burst: int = 1,
    settings: DecodeSettings | None = None,
) -> Recording:
    """Return a side that wrote so many words a step, each step after so many seconds."""
    settings = replace(settings or DecodeSettings(), medusa=mode == "medusa")
    recorder = Recorder(settings)
    tree = "root, 1 node" if mode == "plain" else "auto"
    recorder.start(Started(1, 77, mode, tree, 20, 19, beforehand=PREFILL))
    last = Figures()
    for step, start in enumerate(range(0, len(words), burst)):
        some = words[start : start + burst]
        last = figures(start + len(some), step + 1, step * step_seconds)
        pieces = tuple(Piece(step, word, 1) for word in some)
        recorder.extend(Bursts(1, pieces, last))
    return recorder.finish(Finished(1, "eos", last))


def race(
    plain: Recording | None = None,
    medusa: Recording | None = None,
    *,
    loaded: Loaded = DEMO,
    prompt: str = "Tell me a story.",
) -> RaceResult:
    return RaceResult(
        prompt,
        loaded,
        plain or side("plain"),
        medusa or side("medusa", burst=3),
        "plain",
        datetime(2026, 1, 2, 12, tzinfo=UTC),
    )
