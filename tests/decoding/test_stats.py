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


def test_a_reply_in_two_parts_has_the_figures_of_both() -> None:
    first = Figures(
        prompt_tokens=20,
        reused_tokens=4,
        tokens=10,
        steps=4,
        passes=3,
        nodes=24,
        prefill_seconds=0.5,
        decode_seconds=1.0,
        first_token_seconds=0.6,
        accepted_counts=(1, 1, 1),
        memory_bytes=5,
    )
    second = Figures(
        prompt_tokens=30,
        reused_tokens=29,
        tokens=6,
        steps=2,
        passes=2,
        nodes=16,
        prefill_seconds=0.25,
        decode_seconds=0.5,
        first_token_seconds=0.3,
        accepted_counts=(0, 0, 1, 1),
        memory_bytes=7,
    )
    assert second.after(first) == Figures(
        prompt_tokens=20,
        reused_tokens=4,
        tokens=16,
        steps=6,
        passes=5,
        nodes=40,
        prefill_seconds=0.5,
        decode_seconds=1.75,
        first_token_seconds=0.6,
        accepted_counts=(1, 1, 2, 1),
        memory_bytes=7,
    )
    assert second.after(Figures(prompt_tokens=20)).first_token_seconds == 0.3


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


def test_hit_rates_are_of_the_steps_that_came_so_far() -> None:
    # Ten bursts: 4 of one token, 3 of two, 2 of three, 1 of four; all had guesses.
    figures = Figures(steps=10, passes=10, nodes=80, accepted_counts=(4, 3, 2, 1))
    assert figures.hit_rates == (6 / 10, 3 / 6, 1 / 3)


def test_steps_that_guessed_nothing_missed_nothing() -> None:
    figures = Figures(steps=10, passes=10, nodes=24, lone_roots=8, accepted_counts=(9, 1))
    assert figures.hit_rates == (0.5,)


def test_the_last_burst_that_took_no_pass_is_no_miss() -> None:
    figures = Figures(steps=4, passes=3, nodes=24, accepted_counts=(1, 3))
    assert figures.hit_rates == (1.0,)


def test_guesses_that_were_never_right_are_a_rate_and_none_are_not() -> None:
    assert Figures(steps=5, passes=5, nodes=40, accepted_counts=(5,)).hit_rates == (0.0,)
    assert Figures(steps=5, passes=5, nodes=5, accepted_counts=(5,)).hit_rates == ()
    assert Figures().hit_rates == ()


def test_prefill_is_measured_over_what_was_not_in_the_cache() -> None:
    figures = Figures(prompt_tokens=120, reused_tokens=20, prefill_seconds=0.5)
    assert figures.prefill_tokens_per_second == 200
    assert Figures(prompt_tokens=20, reused_tokens=20).prefill_tokens_per_second is None
