"""T(n): the trees, the order, and that nothing adds up in the cache."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from medusa_chat.benchmark import steps_suite
from medusa_chat.benchmark.steps import SIZES, time_steps, timed_tree
from medusa_chat.decoding.step import StepOutput
from medusa_chat.decoding.step_threads import StepThreads
from medusa_chat.decoding.tree import Tree

from .measured import engine


class Counting:
    """A forward that notes what it is asked; it computes nothing."""

    context_tokens = 4096
    vocabulary = 100
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.threads = StepThreads()
        self.length = 0
        self.lengths: list[int] = []
        self.sizes: list[int] = []

    def step(self, tokens: Tensor, tree: Tree) -> StepOutput:
        assert tokens.shape == (tree.size,)
        self.lengths.append(self.length)
        self.sizes.append(tree.size)
        return StepOutput(torch.zeros(tree.size, 1), torch.zeros(tree.size, 100))

    def extend(self, tokens: Tensor, rows: int = 1) -> StepOutput:
        self.length += len(tokens)
        return StepOutput(torch.zeros(rows, 1), torch.zeros(rows, 100))

    def compact(self, nodes: Sequence[int]) -> None:
        self.length += len(nodes)

    def truncate(self, length: int) -> None:
        assert length <= self.length
        self.length = length


@pytest.mark.parametrize("nodes", SIZES)
def test_timed_trees(nodes: int) -> None:
    tree = timed_tree(nodes)
    assert tree.size == nodes
    assert tree.max_depth <= 4
    assert int(tree.ranks.max()) <= 3


def test_sizes_take_turns_behind_the_same_prefix() -> None:
    forward = Counting()
    times = time_steps(forward, prefix_tokens=700, sizes=(1, 4, 8), repeats=3)
    assert [one.nodes for one in times] == [1, 4, 8]
    assert all(one.seconds > 0 for one in times)
    assert set(forward.lengths) == {700}
    assert forward.length == 0
    rounds = [tuple(forward.sizes[start : start + 3]) for start in range(0, 15, 3)]
    assert len(forward.sizes) == 15  # two rounds for warming up, three that count
    assert rounds[2:] == [(1, 4, 8), (4, 8, 1), (8, 1, 4)]


def test_interrupted_it_tells_what_it_has() -> None:
    forward = Counting()
    times = time_steps(
        forward,
        prefix_tokens=5,
        sizes=(1, 4, 8),
        repeats=3,
        cancelled=lambda: len(forward.sizes) == 8,
    )
    assert [one.nodes for one in times] == [1, 4]
    assert forward.length == 0


def test_the_suite_fills_a_short_context_as_far_as_a_tree_leaves_it() -> None:
    result = steps_suite.run_steps(
        engine(),
        "tiny",
        prefix_tokens=10_000,
        repeats=1,
        cancelled=lambda: False,
        report=lambda _words, _fraction: None,
    )
    assert result.prefix_tokens == 512 - max(SIZES)
    assert [one.nodes for one in result.steps] == list(SIZES)
    record = steps_suite.record(result, "medusa-chat bench")
    assert record["steps"][0]["ratio"] == 1.0
    for one in record["steps"]:
        rate = record["bytes_per_step"] / one["seconds"]
        assert one["bytes_per_second"] == pytest.approx(rate)
        assert one["fraction"] == pytest.approx(rate / record["copy_bytes_per_second"])
    (table,) = steps_suite.tables(result)
    assert [row[0] for row in table.rows] == [str(size) for size in SIZES]
    assert "behind 384 tokens" in table.title
    assert engine().model.decoder.forward.length == 0
