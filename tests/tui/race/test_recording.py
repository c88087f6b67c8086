"""What was written when."""

from __future__ import annotations

import pytest

from medusa_chat.engine.protocol import Bursts, Finished, Piece, Started
from medusa_chat.settings import DecodeSettings
from medusa_chat.tui.race.recording import Recorder, arrived

from .races import WORDS, figures, side


def test_text_and_times() -> None:
    recording = side("plain")
    assert recording.text == "The fox sat by the sea."
    assert recording.mode == "plain"
    assert recording.seconds == pytest.approx(0.1 + 6 * 0.1)
    assert [round(one.seconds, 3) for one in recording.arrivals] == [
        round(0.1 + 0.1 * step, 3) for step in range(len(WORDS))
    ]


@pytest.mark.parametrize(
    ("seconds", "count"), [(0, 0), (0.05, 0), (0.1, 1), (0.35, 3), (0.7, 7), (99, 7)]
)
def test_arrived_by_a_moment(seconds: float, count: int) -> None:
    # Added up from tenths, so looked at a little later.
    assert arrived(side("plain").arrivals, seconds + 1e-9) == count


@pytest.mark.parametrize(
    ("character", "tokens"), [(0, 0), (2, 0), (3, 1), (6, 1), (7, 2), (23, 7), (99, 7)]
)
def test_tokens_before_a_place(character: int, tokens: int) -> None:
    assert side("plain").tokens_before(character) == tokens
    assert side("medusa", burst=3).tokens_before(character) == tokens


def test_tree_in_words_has_the_mean_size() -> None:
    assert side("medusa", burst=3).tree == "auto, 8.0 nodes"


def test_end_without_text_counts_in_the_figures() -> None:
    recorder = Recorder(DecodeSettings())
    recorder.start(Started(1, 5, "plain", "root", 3, 2))
    recorder.extend(Bursts(1, (Piece(0, "Hi", 1),), figures(1, 1, 0.0)))
    recording = recorder.finish(Finished(1, "eos", figures(2, 2, 0.3)))
    assert recording.text == "Hi"
    assert recording.seconds == pytest.approx(0.4)
    assert recording.arrivals[-1].seconds == pytest.approx(0.1)


def test_reply_text_has_the_bursts() -> None:
    text = side("medusa", burst=3).reply_text()
    assert text.is_complete
    assert text.text == "The fox sat by the sea."
    medusa = {run.style for run in text.runs(0, len(text.text), "depth")}
    plain = {run.style for run in side("plain").reply_text().runs(0, 9, "depth")}
    assert {"$text-success underline", "$text-warning bold underline"} <= medusa
    assert plain == {"$text-primary"}
