"""The figures of a reply, and the line that shows them."""

from __future__ import annotations

from medusa_chat.decoding.stats import Figures


def test_what_was_not_measured_is_none() -> None:
    assert Figures().accepted_per_step is None
    assert Figures().tokens_per_second is None
    assert Figures(tokens=1, steps=1, decode_seconds=0.0).tokens_per_second is None
    assert Figures(tokens=5, steps=2, decode_seconds=0.0).tokens_per_second is None


def test_the_first_tokens_time_is_prefills() -> None:
    assert Figures(tokens=11, steps=4, decode_seconds=2.0).tokens_per_second == 5.0


def test_accepted_per_step_counts_the_root() -> None:
    assert Figures(tokens=10, steps=4).accepted_per_step == 2.5
    assert Figures(tokens=4, steps=4).accepted_per_step == 1.0


def test_the_line() -> None:
    figures = Figures(tokens=101, steps=40, decode_seconds=2.5, first_token_seconds=0.0514)
    assert (
        figures.line() == "40 tok/s · 2.52 accepted/step · 101 tokens · 2.5 s · first token 51 ms"
    )


def test_the_line_leaves_out_what_was_not_measured() -> None:
    assert Figures().line() == "0 tokens"
    one = Figures(tokens=1, steps=1, first_token_seconds=0.03)
    assert one.line() == "1.00 accepted/step · 1 token · 0.0 s · first token 30 ms"


def test_nodes_per_step_is_over_forward_passes() -> None:
    assert Figures(passes=4, nodes=26).nodes_per_step == 6.5
    assert Figures(tokens=1, steps=1).nodes_per_step is None
