from __future__ import annotations

import dataclasses

import pytest

from medusa_chat.decoding.stats import Figures
from medusa_chat.engine.protocol import Bursts, Piece, Started
from medusa_chat.tui.comparison import Comparison
from medusa_chat.tui.meter import RECENT_BURSTS, Meter, Readings
from medusa_chat.tui.widgets.gauges import WIDTH, line, panel

from .scripted_engine import figures_of

FIGURES = figures_of((("a", "b"), ("c",), ("d", "e", "f"), ("g",) * 7))

READINGS = Readings(
    figures=FIGURES,
    recent_bursts=(2, 1, 3, 7, 12, 0),
    mode="medusa",
    tree="dynamic, 8 nodes",
    seed=42,
    context_limit=66,
    speed_up=1.416,
)


def rows(readings: Readings) -> dict[str, str]:
    lines = [row.split() for row in panel(readings).plain.split("\n") if row.strip()]
    return {parts[0]: " ".join(parts[1:]) for parts in lines}


def test_the_gauges_show_what_was_measured() -> None:
    shown = rows(READINGS)
    assert shown["Speed"] == "100 tok/s"
    assert shown["First"] == "token 182 ms"
    assert shown["Speed-up"] == "1.42×"
    assert shown["Accepted/step"] == "3.25"
    assert shown["Context"] == "33 of 66"
    assert shown["Mode"] == "Medusa"
    assert shown["Tree"] == "dynamic, 8 nodes"
    assert shown["Seed"] == "42"
    assert "▂▁▃▇█" in panel(READINGS).plain


def test_how_steps_are_run_is_said_where_it_matters() -> None:
    assert "Steps" not in rows(READINGS)
    assert rows(dataclasses.replace(READINGS, launches="CUDA graphs"))["Steps"] == "CUDA graphs"
    why = "eager: a capture failed (operation not permitted when stream is capturing)"
    lines = panel(dataclasses.replace(READINGS, launches=why)).plain.split("\n")
    found = next(index for index, row in enumerate(lines) if row.startswith("Steps"))
    assert lines[found].split() == ["Steps", "eager"]
    reason = " ".join(row.strip() for row in lines[found + 1 :])
    assert reason == "a capture failed (operation not permitted when stream is capturing)"
    assert max(map(len, lines)) <= WIDTH


def test_half_a_context_is_half_a_bar() -> None:
    assert "\n" + "█" * (WIDTH // 2) + "·" * (WIDTH // 2) + "\n" in panel(READINGS).plain


def test_the_histogram_gathers_long_bursts_in_its_last_row() -> None:
    shown = rows(READINGS)
    assert [shown[name].split()[-1] for name in ("1", "2", "3", "4", "5+")] == list("11101")


def test_what_was_not_measured_is_a_dash() -> None:
    shown = rows(Readings())
    for name in (
        "Speed",
        "Speed-up",
        "Accepted/step",
        "1",
        "5+",
        "Context",
        "Mode",
        "Tree",
        "Seed",
    ):
        assert shown[name] == "—"
    assert "send a reply with Medusa" in panel(Readings()).plain
    assert line(Readings()).plain == "— · — accepted/step · context —"


def test_a_context_without_a_reply_is_empty() -> None:
    assert rows(Readings(context_limit=2048))["Context"] == "0 of 2048"


def test_the_line_shows_the_most_telling() -> None:
    assert line(READINGS).plain == "100 tok/s · 3.25 accepted/step · context 33 of 66"


@pytest.mark.parametrize("readings", [Readings(), READINGS])
def test_no_row_is_wider_than_the_panel(readings: Readings) -> None:
    assert {len(row) <= WIDTH for row in panel(readings).plain.split("\n")} == {True}


def test_a_long_value_is_cut_short() -> None:
    row = next(r for r in panel(Readings(tree="x" * 90)).plain.split("\n") if "Tree" in r)
    assert len(row) == WIDTH
    assert row.endswith("x…")


def test_the_meter_gathers_bursts_that_come_in_several_pieces() -> None:
    meter = Meter()
    meter.start(Started(1, 5, "medusa", "chain", 10, 0))
    meter.extend(Bursts(1, (Piece(0, "a", 1), Piece(0, "b", 2), Piece(1, "c", 1)), Figures()))
    meter.extend(Bursts(1, (Piece(1, "d", 1),), FIGURES))
    readings = meter.readings(100, None)
    assert readings.recent_bursts == (3, 2)
    assert readings.figures == FIGURES
    assert (readings.mode, readings.tree, readings.seed) == ("medusa", "chain", 5)
    meter.finish(Figures(tokens=9))
    assert meter.readings(100, None).figures == Figures(tokens=9)
    meter.start(Started(2, 6, "plain", "root", 10, 0))
    assert meter.readings(100, None).recent_bursts == ()
    assert meter.readings(100, None).figures is None


def test_the_meter_keeps_the_latest_bursts() -> None:
    meter = Meter()
    meter.extend(Bursts(1, tuple(Piece(n, "a", n) for n in range(500)), Figures()))
    recent = meter.readings(None, None).recent_bursts
    assert recent == tuple(range(500 - RECENT_BURSTS, 500))


def test_a_speed_up_is_of_all_tokens_over_all_time() -> None:
    comparison = Comparison()
    # 101 tokens in 1 s and 201 in 1 s after the first ones: 300 in 2.
    for tokens in (101, 201):
        comparison.add("medusa", Figures(tokens=tokens, decode_seconds=1.0))
    assert comparison.speed_up is None
    comparison.add("plain", Figures(tokens=1))
    assert comparison.speed_up is None
    comparison.add("plain", Figures(tokens=101, decode_seconds=2.0))
    assert comparison.speed_up == pytest.approx(3.0)


def test_a_few_words_are_not_enough_for_a_speed_up() -> None:
    comparison = Comparison()
    comparison.add("medusa", Figures(tokens=301, decode_seconds=1.0))
    comparison.add("plain", Figures(tokens=9, decode_seconds=0.1))
    assert comparison.speed_up is None


def test_the_automatic_tree_is_shown_with_its_mean_size() -> None:
    figures = Figures(tokens=9, steps=4, passes=4, nodes=27)
    assert rows(Readings(figures=figures, tree="auto"))["Tree"] == "auto, 6.8 nodes"
    assert rows(Readings(figures=figures, tree="chain, 5 nodes"))["Tree"] == "chain, 5 nodes"
    assert rows(Readings(tree="auto"))["Tree"] == "auto"
