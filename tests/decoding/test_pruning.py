"""Plain steps, drafts and how much of them is checked, on machines and texts of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from medusa_chat.decoding.experience import Trust
from medusa_chat.decoding.pruning import Pruning
from medusa_chat.decoding.step_times import StepTimes

SIZES = (1, 2, 4, 6, 8, 12, 16)
Cost = Callable[[int], float]


def cheap(size: int) -> float:
    return 1.0 + (0.2 if size > 1 else 0.0) + 0.03 * (size - 1)


def costly(size: int) -> float:
    """Return what a step takes where drafts take half a step and nodes are not free either."""
    return 1.0 + (0.5 if size > 1 else 0.0) + 0.05 * (size - 1)


def with_jump(size: int) -> float:
    return 1.0 + (0.2 if size > 1 else 0.0) + (0.0 if size <= 8 else 2.0)


def hopeless(size: int) -> float:
    return float(size)


COSTS = [cheap, costly, with_jump, hopeless]


class Text:
    """Drafts, and which of their nodes are right: those of a depth share what is likely there.

    A node that is ``claimed`` times as likely as it should be is right that much less often.
    """

    def __init__(self, hit: float, claimed: float = 1.0, seed: int = 0) -> None:
        self.hit = hit
        self.claimed = claimed
        self._random = random.Random(seed)

    def draft(self) -> tuple[list[float], list[int]]:
        nodes: list[tuple[float, int, int]] = []  # weight, depth, rank
        weight = 1.0
        chances = []
        for depth in range(5):
            surest = min(0.97, max(0.01, self._random.gauss(self.hit, 0.2)))
            chances.append([surest, (1 - surest) * 0.3, (1 - surest) * 0.15])
            nodes += [(weight * one, depth, rank) for rank, one in enumerate(chances[-1])]
            weight *= surest
        nodes.sort(key=lambda node: (-node[0], node[1]))
        right = []
        for one in chances:
            drawn, rank = self._random.random() * self.claimed, 0
            while rank < 3 and drawn > one[rank]:
                drawn -= one[rank]
                rank += 1
            right.append(rank)
        places, depth = [], 0
        for place, (_, at, rank) in enumerate(nodes, start=1):
            if at == depth and rank == right[at]:
                places.append(place)
                depth += 1
                if rank > 0:  # only the likeliest has children here
                    break
        return [weight for weight, _, _ in nodes], places


def run(
    cost: Cost, text: Text, choose: Pruning | int, steps: int = 1000, noise: float = 0.0
) -> tuple[float, float]:
    """Return tokens a second over many steps, and how many of them were drafted."""
    tokens, seconds, drafts = 0, 0.0, 0
    disturbed = random.Random(7)
    for _ in range(steps):
        weights, places = text.draft()
        if isinstance(choose, int):
            size = choose
        else:
            grown = choose.next_size()
            drafted = grown > 1
            weights = [weight for weight in weights[: grown - 1] if weight > choose.least]
            size = choose.size(weights) if drafted else 1
        places = [place for place in places if place < size]
        taken = cost(size)
        tokens += 1 + len(places)
        seconds += taken
        if not isinstance(choose, int):
            drafts += drafted
            measured = taken * (1 + abs(disturbed.gauss(0, noise)))
            choose.observe(size, places, measured, drafted=drafted)
    return tokens / seconds, drafts / steps


def timed(cost: Cost) -> StepTimes:
    return StepTimes({size: cost(size) for size in SIZES}, 200)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("hit", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("claimed", [1.0, 1.6])
def test_never_slower_than_plain_and_near_the_best_size(
    cost: Cost, hit: float, claimed: float
) -> None:
    ours, _ = run(cost, Text(hit, claimed), Pruning(timed(cost), SIZES, {}))
    fixed = {size: run(cost, Text(hit, claimed), size)[0] for size in SIZES}
    assert ours >= 0.97 * fixed[1]
    assert ours >= 0.94 * max(fixed.values())


def test_drafts_of_several_kinds_are_worth_more_than_any_one_size() -> None:
    class Mixed(Text):
        def draft(self) -> tuple[list[float], list[int]]:
            self.hit = self._random.choice([0.1, 0.95])
            return super().draft()

    ours, _ = run(costly, Mixed(0.5), Pruning(timed(costly), SIZES, {}))
    fixed = max(run(costly, Mixed(0.5), size)[0] for size in SIZES)
    assert ours > fixed


@pytest.mark.parametrize("cost", [cheap, costly, hopeless])
@pytest.mark.parametrize("hit", [0.05, 0.6])
def test_short_replies_that_nothing_is_known_of_are_not_much_slower_than_plain(
    cost: Cost, hit: float
) -> None:
    tokens_a_second = []
    for seed in range(60):
        pruning = Pruning(timed(cost), SIZES, {})
        tokens_a_second.append(run(cost, Text(hit, seed=seed), pruning, 25)[0])
    # It takes a look or three to see that nothing is to be had.
    least = 0.85 if cost is not hopeless else 0.8
    assert sum(tokens_a_second) / len(tokens_a_second) > least


def test_where_no_draft_pays_they_become_seldom() -> None:
    pruning = Pruning(timed(hopeless), SIZES, {})
    rests, since = [], 0
    for _ in range(400):
        drafted = pruning.next_size() > 1
        if drafted:
            pruning.size([0.2, 0.1, 0.05])
            rests.append(since)
        pruning.observe(2 if drafted else 1, [], None, drafted=drafted)
        since = 0 if drafted else since + 1
    assert rests[-8:-4] == [6, 12, 24, 48] or rests[-3:] == [64, 64, 64]
    assert sorted(rests) == rests


def test_a_reply_begins_with_a_draft_whatever_the_one_before_was_like() -> None:
    pruning = Pruning(timed(costly), SIZES, {})
    run(costly, Text(0.05), pruning, 300)
    run(costly, Text(0.05), pruning, 1)
    assert pruning.next_size() == 1
    pruning.begin()
    assert pruning.next_size() > 1


def test_text_that_changes_is_followed() -> None:
    pruning = Pruning(timed(costly), SIZES, {})
    assert run(costly, Text(0.05), pruning, 300)[1] < 0.15
    run(costly, Text(0.95, seed=1), pruning, 70)
    assert run(costly, Text(0.95, seed=2), pruning, 100)[1] > 0.95
    run(costly, Text(0.05, seed=3), pruning, 20)
    assert run(costly, Text(0.05, seed=4), pruning, 300)[1] < 0.15


def test_sure_drafts_are_checked_further_than_unsure_ones() -> None:
    pruning = Pruning(timed(costly), SIZES, {})
    sizes = []
    for surest in (0.2, 0.5, 0.8, 0.97):
        assert pruning.next_size() == 8
        sizes.append(pruning.size([surest**depth for depth in range(1, 16)]))
    assert sizes == sorted(sizes)
    assert sizes[0] == 2
    assert sizes[-1] > 4


def test_nodes_below_the_least_would_not_be_checked() -> None:
    draws = random.Random(3)
    for cost in COSTS:
        pruning = Pruning(timed(cost), SIZES, {})
        for _ in range(200):
            weights = sorted((draws.random() ** 3 for _ in range(15)), reverse=True)
            pruning.next_size()
            kept = [weight for weight in weights if weight > pruning.least]
            whole, pruned = pruning.size(weights), pruning.size(kept)
            assert whole == pruned or pruned == max(n for n in SIZES if n <= len(kept) + 1)
            pruning.observe(pruned, [], None, drafted=True)
    assert pruning.least > 0


def test_drafts_are_grown_as_far_as_they_are_checked() -> None:
    pruning = Pruning(timed(cheap), SIZES, {})
    grown = []
    for weight in [0.99] * 4 + [0.3] * 60:
        grown.append(pruning.next_size())
        weights = [weight**depth for depth in range(1, grown[-1])]
        size = pruning.size(weights)
        pruning.observe(size, [place for place in (1, 2) if place < size], None, drafted=True)
    assert grown[:4] == [8, 12, 16, 16]
    assert grown[-1] == 6
    assert sorted(grown[3:], reverse=True) == grown[3:]


def test_claims_that_do_not_come_true_are_believed_less() -> None:
    times = timed(costly)
    pruning = Pruning(times, SIZES, {})
    for _ in range(600):
        pruning.believe([0.5, 0.25, 0.2, 0.1, 0.1], [1] if _ % 4 == 0 else [])
    ratios = {size: one.came / one.claimed for size, one in pruning.trust.items()}
    assert ratios[2] == pytest.approx(0.5, abs=0.05)
    assert ratios[4] < 0.05
    assert ratios[8] == 0.7  # of those nothing was seen
    doubting = Pruning(times, SIZES, pruning.trust)
    for one in (pruning, doubting):
        one.begin()
        one.next_size()
    weights = [0.9, 0.8, 0.7, 0.6, 0.5]
    fresh = Pruning(times, SIZES, {})
    fresh.next_size()
    assert pruning.size(weights) == doubting.size(weights) == 2
    assert fresh.size(weights) == 6


@pytest.mark.parametrize("cost", [cheap, costly, with_jump])
def test_what_steps_take_is_found_out_in_replies(cost: Cost) -> None:
    pruning = Pruning(StepTimes({}, 200), SIZES, {})
    run(cost, Text(0.7), pruning, 60)
    ours, _ = run(cost, Text(0.7), pruning, 1000)
    assert ours > 0.95 * max(run(cost, Text(0.7), size)[0] for size in SIZES)


def test_disturbed_steps_do_not_matter_much() -> None:
    ours, _ = run(costly, Text(0.6), Pruning(timed(costly), SIZES, {}), noise=0.3)
    assert ours > 0.95 * max(run(costly, Text(0.6), size)[0] for size in SIZES)


def test_a_time_that_is_wrong_is_found_out() -> None:
    slow_plain = StepTimes({size: hopeless(size) for size in SIZES} | {1: 2.5}, 200)
    pruning = Pruning(slow_plain, SIZES, {})
    assert run(hopeless, Text(0.3), pruning, 50)[1] == 1
    run(hopeless, Text(0.3), pruning, 1000)
    assert run(hopeless, Text(0.3), pruning, 500)[0] > 0.95
    slow_trees = StepTimes(dict.fromkeys(SIZES, 2.5) | {1: 1.0}, 200)
    pruning = Pruning(slow_trees, SIZES, {})
    assert run(cheap, Text(0.5), pruning, 100)[0] < 1.1
    run(cheap, Text(0.5), pruning, 1000)
    assert run(cheap, Text(0.5), pruning, 500)[0] > 1.3


def test_a_draft_without_a_node_is_no_plain_step() -> None:
    times = timed(costly)
    pruning = Pruning(times, SIZES, {2: Trust(5.0, 0.0)})
    for _ in range(10):
        pruning.next_size()
        assert pruning.size([]) == 1
        pruning.observe(1, [], 77.0, drafted=True)
    assert times.of(1) == costly(1)
    assert pruning.next_size() == 1
