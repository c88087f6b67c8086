"""Shapes that take turns, and which of their steps are counted."""

from __future__ import annotations

from medusa_chat.decoding.dynamic_tree import FixedTree
from medusa_chat.decoding.timed_rounds import TimedRounds
from medusa_chat.decoding.tree import Tree

from .driving import CPU

SHAPES = [FixedTree.of(Tree.chain(depth), CPU) for depth in (0, 1, 3)]


def test_each_shape_has_its_turn_and_begins_a_round() -> None:
    rounds = TimedRounds(SHAPES, 3)
    order = []
    for step in range(rounds.steps):
        shape = rounds.next_shape()
        order.append(shape.size)
        assert rounds.rounds_done == step // 12
        # The first step of four is slow; size and round tell the others apart.
        rounds.observe(shape, [0], 99.0 if step % 4 == 0 else shape.size + step // 12)
    assert order[::4] == [1, 2, 4, 2, 4, 1, 4, 1, 2]
    assert rounds.steps_left == 0
    assert rounds.seconds[0] == [1.0] * 3 + [2.0] * 3 + [3.0] * 3
    assert rounds.medians == [2.0, 3.0, 5.0]
    assert (rounds.size, rounds.depth) == (4, 3)


def test_the_first_rounds_may_warm_up() -> None:
    rounds = TimedRounds(SHAPES, 3, uncounted_rounds=1)
    for step in range(rounds.steps):
        rounds.observe(rounds.next_shape(), [0], float(step // 12))
    assert rounds.seconds == [[1.0] * 3 + [2.0] * 3] * 3


def test_steps_behind_the_last_round_do_not_count() -> None:
    rounds = TimedRounds(SHAPES[:1], 1)
    for _ in range(9):
        rounds.observe(rounds.next_shape(), [0], 1.0)
    assert rounds.seconds == [[1.0] * 3]
