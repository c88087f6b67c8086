"""Trees that are cut to what their draft is worth: what is asked of them, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from medusa_chat.decoding.adaptive_tree import StepShape
from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.experience import Acceptance, KindExperience, Trust
from medusa_chat.decoding.pruned_kind import PrunedKind
from medusa_chat.decoding.pruning import Pruner
from medusa_chat.decoding.step_times import SIZES
from medusa_chat.decoding.tree import Tree

CPU = torch.device("cpu")
ROOT = FixedTree.of(Tree.root(), CPU)
COSTS = {1: 1.0} | {size: 1.2 + 0.1 * size for size in SIZES[1:]}
KNOWN = KindExperience(COSTS)


class Grown:
    """A shape that is pruned as it is told, like one that is grown at each step."""

    guesses = 1

    def __init__(self, size: int, pruner: Pruner) -> None:
        self.size = size
        self.depth = size - 1
        self.pruner = pruner

    def grow(self, log_probs: torch.Tensor) -> Tree:
        del log_probs
        return Tree.chain(self.depth)


def kind_of(experience: KindExperience = KNOWN) -> PrunedKind:
    return PrunedKind(experience, 16, 4, ROOT, Grown)


def step(tree: AutomaticTree, weights: Sequence[float], right: int, seconds: float = 0.0) -> int:
    """Run a step of which ``right`` nodes come true; return how many are checked."""
    shape: StepShape = tree.next_shape()
    size = shape.pruner.size(weights[: shape.depth]) if isinstance(shape, Grown) else 1
    accepted = list(range(min(right + 1, size)))
    tree.observe(shape, accepted, seconds or COSTS[size])
    return size


def test_a_draft_is_cut_to_what_it_is_worth() -> None:
    tree = AutomaticTree(kind_of())
    assert step(tree, [0.3, 0.1, 0.05, 0.02, 0.01], 0) == 2
    # The surer it was, the further the next one is grown.
    sure = [0.99**depth for depth in range(1, 16)]
    assert [step(tree, sure, 15) for _ in range(4)] == [8, 12, 16, 16]


def test_after_useless_drafts_steps_are_plain_until_a_reply_begins() -> None:
    tree = AutomaticTree(kind_of())
    sizes = [step(tree, [0.2, 0.1, 0.05], 0) for _ in range(60)]
    assert sizes.count(1) > 50
    while tree.next_shape() is not ROOT:
        step(tree, [0.2, 0.1, 0.05], 0)
    tree.begin()
    assert isinstance(tree.next_shape(), Grown)


def test_what_the_cut_step_took_counts_for_its_size() -> None:
    kind = kind_of(KindExperience())
    tree = AutomaticTree(kind)
    # The first step of a size is not timed, and plain ones come first.
    seen: dict[int, int] = {}
    for _ in range(40):
        shape = tree.next_shape()
        size = shape.pruner.size([0.9] * shape.depth) if isinstance(shape, Grown) else 1
        seen[size] = seen.get(size, 0) + 1
        tree.observe(shape, [0], 99.0 if seen[size] == 1 else COSTS[size])
    assert kind.times.measured == {size: COSTS[size] for size in seen if seen[size] > 3}
    assert {1, 4, 16} <= kind.times.measured.keys()


def test_trust_is_kept_and_begun_with() -> None:
    kind = kind_of()
    tree = AutomaticTree(kind)
    assert kind.experience().trust == {}
    for _ in range(80):
        tree.begin()
        step(tree, [0.9, 0.5, 0.4], 0)
    kept = tree.experience().grown.trust
    assert kept[2].came / kept[2].claimed < 0.5
    tree.forget()
    assert tree.experience().grown.trust == kept
    again = kind_of(KindExperience(COSTS, {}, kept))
    again.next_shape()
    fresh = kind_of()
    fresh.next_shape()
    assert again.size([0.9, 0.5, 0.4]) < fresh.size([0.9, 0.5, 0.4])


def test_what_is_learnt_while_all_is_set_aside_is_not_kept() -> None:
    tree = AutomaticTree(kind_of())
    with tree.forgotten():
        for _ in range(30):
            step(tree, [0.2, 0.1, 0.05], 0)
        assert tree.experience().grown.trust != {}
    assert isinstance(tree.next_shape(), Grown)


def test_whole_drafts_teach_what_every_size_would_bring() -> None:
    kind = kind_of()
    shape = kind.shape(16)
    assert isinstance(shape, Grown)
    for _ in range(50):
        assert shape.pruner.least == 0
        assert shape.pruner.size([0.5, 0.4, 0.3, 0.2]) == 5
        kind.believe(16, [0, 1, 3])
    assert kind.beliefs.known[2] == Acceptance(2.0, 50)
    kind.measured()
    trust = kind.experience().trust
    # 10 tokens were claimed before it, and 7 had come.
    assert trust[2].came / trust[2].claimed == pytest.approx(57 / 35, rel=0.01)
    assert trust[4].came / trust[4].claimed == pytest.approx(57 / 45, rel=0.01)
    assert trust[6] == Trust(10.0, 7.0)  # that many nodes there never were
    # By those figures, and what steps take.
    assert kind.rate == pytest.approx(3.0 / COSTS[4])
    kind.shape(4)
    assert kind.shape(1) is ROOT
