"""From samples to figures: medians over the repeats of a prompt, then over the prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from medusa_chat.benchmark.contestant import Contestant, Sample
from medusa_chat.benchmark.run import Item

ALL = "all"
"""The category that holds every prompt."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One contestant over the prompts of one category; None where nothing could be measured."""

    name: str
    words: str
    category: str
    prompts: int
    tokens: int
    """Of one run of each prompt."""
    tokens_per_second: float | None
    speedup: float | None
    """Tokens a second against the baseline's, the median over the prompts."""
    accepted_per_step: float | None
    """Over all tokens and steps together, so that long replies count more."""
    nodes_per_step: float | None
    """The mean size of a step's tree, the root included; None for a peer."""
    step_seconds: float | None
    """All of a step: draft, forward, accept, compact."""
    step_ratio: float | None
    """``step_seconds`` against the baseline's, the median over the prompts: T(n) / T(1)."""
    first_token_seconds: float | None
    context_tokens: float
    """In the middle of a reply, the mean over the prompts."""
    peak_bytes: int | None


def categories(items: Iterable[Item]) -> list[str]:
    """Return the categories of ``items`` in the order in which they come."""
    return list(dict.fromkeys(item.category for item in items))


def summarise(
    items: Sequence[Item], contestants: Sequence[Contestant], category: str = ALL
) -> list[Summary]:
    """Return every contestant's figures over the prompts of ``category``.

    The baseline is plain decoding or, without it, the first contestant.
    """
    chosen = [item for item in items if category in (ALL, item.category)]
    names = [one.name for one in contestants]
    baseline = "plain" if "plain" in names else next(iter(names), "")
    return [
        _summary(one, category, [item for item in chosen if one.name in item.samples], baseline)
        for one in contestants
    ]


def _summary(
    contestant: Contestant, category: str, items: Sequence[Item], baseline: str
) -> Summary:
    name = contestant.name
    first = [item.samples[name][0] for item in items]
    tokens = sum(sample.figures.tokens for sample in first)
    steps = sum(sample.figures.steps for sample in first)
    passes = sum(sample.figures.passes for sample in first)
    peaks = [
        sample.peak_bytes
        for item in items
        for sample in item.samples[name]
        if sample.peak_bytes is not None
    ]
    middles = [one.figures.prompt_tokens + one.figures.tokens / 2 for one in first]
    return Summary(
        name=name,
        words=contestant.words,
        category=category,
        prompts=len(items),
        tokens=tokens,
        tokens_per_second=_median_over(items, name, _speed),
        speedup=_ratio(items, name, baseline, _speed),
        accepted_per_step=tokens / steps if steps else None,
        nodes_per_step=sum(one.figures.nodes for one in first) / passes if passes else None,
        step_seconds=_median_over(items, name, _step),
        step_ratio=_ratio(items, name, baseline, _step),
        first_token_seconds=_median_over(items, name, _first_token),
        context_tokens=sum(middles) / len(middles) if middles else 0.0,
        peak_bytes=max(peaks, default=None),
    )


Figure = Callable[[Sample], float | None]


def _speed(sample: Sample) -> float | None:
    return sample.figures.tokens_per_second


def _step(sample: Sample) -> float | None:
    return sample.step_seconds


def _first_token(sample: Sample) -> float | None:
    return sample.figures.first_token_seconds


def _of_item(item: Item, name: str, figure: Figure) -> float | None:
    """Return the median over the repeats of one prompt."""
    values = [value for sample in item.samples.get(name, ()) if (value := figure(sample))]
    return median(values) if values else None


def _median_over(items: Iterable[Item], name: str, figure: Figure) -> float | None:
    values = [value for item in items if (value := _of_item(item, name, figure)) is not None]
    return median(values) if values else None


def _ratio(items: Iterable[Item], name: str, baseline: str, figure: Figure) -> float | None:
    ratios = []
    for item in items:
        own, other = _of_item(item, name, figure), _of_item(item, baseline, figure)
        if own is not None and other is not None:
            ratios.append(own / other)
    return median(ratios) if ratios else None
