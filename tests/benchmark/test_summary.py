"""Medians over repeats, then over prompts; ratios prompt by prompt."""

from __future__ import annotations

import pytest

from medusa_chat.benchmark.contestant import Sample
from medusa_chat.benchmark.run import Item
from medusa_chat.benchmark.summary import Summary, categories, summarise

from .measured import Scripted, sample


def item(name: str, category: str = "kind", **samples: list[Sample]) -> Item:
    return Item(name, category, (), samples)


def by_name(items: list[Item], *names: str, category: str = "all") -> dict[str, Summary]:
    contestants = [Scripted(name) for name in names]
    return {one.name: one for one in summarise(items, contestants, category)}


def test_medians_of_repeats_and_then_of_prompts() -> None:
    # 2 tokens after the first: tokens/s is 2 / seconds.
    items = [
        item("a", plain=[sample(seconds=one) for one in (1, 2, 100)]),
        item("b", plain=[sample(seconds=one) for one in (0.5, 0.5, 9)]),
        item("c", plain=[sample(seconds=one) for one in (4, 4, 1)]),
    ]
    plain = by_name(items, "plain")["plain"]
    assert plain.tokens_per_second == 1.0
    assert plain.step_seconds == 1.0
    assert plain.prompts == 3
    assert plain.speedup == plain.step_ratio == 1.0
    assert plain.first_token_seconds == 0.5
    assert plain.context_tokens == 11.5


def test_ratios_are_medians_of_each_prompts_own() -> None:
    slow, fast = [sample(seconds=8)], [sample(seconds=1)]
    items = [
        item("a", plain=slow, auto=[sample(seconds=2)]),  # 4 times as fast
        item("b", plain=fast, auto=[sample(seconds=2)]),  # half as fast
        item("c", plain=fast, auto=[sample(seconds=1)]),
    ]
    auto = by_name(items, "plain", "auto")["auto"]
    assert auto.speedup == 1.0
    assert auto.step_ratio == 1.0
    # Over all prompts it would be 1: the median of the speeds is another matter.
    assert auto.tokens_per_second == 1.0


def test_accepted_tokens_are_counted_over_all_prompts() -> None:
    long, short = sample(range(90), steps=30), sample(range(10), steps=10)
    auto = by_name([item("a", auto=[long]), item("b", auto=[short])], "auto")["auto"]
    assert auto.accepted_per_step == pytest.approx(100 / 40)
    assert auto.tokens == 100


def test_without_plain_the_first_is_the_baseline() -> None:
    items = [item("a", auto=[sample(seconds=1)], chain=[sample(seconds=2)])]
    summaries = by_name(items, "auto", "chain")
    assert summaries["auto"].speedup == 1.0
    assert summaries["chain"].speedup == 0.5


def test_categories_apart() -> None:
    items = [
        item("a", "list", plain=[sample(seconds=1)]),
        item("b", "story", plain=[sample(seconds=2)]),
        item("c", "list", plain=[sample(seconds=1)]),
    ]
    assert categories(items) == ["list", "story"]
    assert by_name(items, "plain", category="list")["plain"].tokens_per_second == 2.0
    assert by_name(items, "plain", category="story")["plain"].prompts == 1


def test_what_was_not_measured_is_none() -> None:
    one_token = [sample([7], steps=1, seconds=0.0)]
    plain = by_name([item("a", plain=one_token)], "plain", "auto")
    assert plain["plain"].tokens_per_second is None
    assert plain["plain"].step_seconds is None
    assert plain["plain"].speedup is None
    assert plain["plain"].peak_bytes is None
    assert plain["auto"].prompts == 0
    assert plain["auto"].accepted_per_step is None


def test_peak_memory_is_the_highest_of_all_runs() -> None:
    items = [
        item("a", plain=[sample(peak_bytes=5), sample(peak_bytes=9)]),
        item("b", plain=[sample(peak_bytes=7), sample()]),
    ]
    assert by_name(items, "plain")["plain"].peak_bytes == 9
