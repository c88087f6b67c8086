"""The tree search against the reference's, and what makes a search right."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from golden_data import read
from hypothesis import given
from hypothesis import strategies as st

from medusa_chat.decoding.tree import Tree
from medusa_chat.decoding.tree_search import search


@pytest.mark.parametrize(
    "case", read("medusa/unit/tree_search.json"), ids=lambda case: case["seed"]
)
def test_finds_the_references_tree_in_its_order(case: dict[str, Any]) -> None:
    accuracies = case["accuracies"]
    found = search(
        accuracies,
        case["num_iterations"] + 2,
        max_depth=case["max_depth"],
        max_child=case["max_child"],
    )
    assert found == case["accept_nodes"]
    expectation = sum(
        math.prod(accuracies[head][rank] for head, rank in enumerate(path)) for path in found
    )
    assert expectation == pytest.approx(case["sum_expectation"])


def test_finds_the_tree_of_measured_accuracies() -> None:
    measured = read("medusa/gen/tiny-llama-head-accuracy.json")
    expected = measured["search"]
    found = search(
        measured["accuracies"],
        expected["num_iterations"] + 2,
        max_depth=expected["max_depth"],
        max_child=expected["max_child"],
    )
    assert found == expected["accept_nodes"]


def test_stops_when_there_is_no_path_left() -> None:
    accuracies = [[0.5, 0.1], [0.4]]
    assert search(accuracies, 100) == [[0], [0, 0], [1], [1, 0]]
    assert search(accuracies, 100, max_depth=1) == [[0], [1]]
    assert search(accuracies, 100, max_child=[1, 1]) == [[0], [0, 0]]
    assert search(accuracies, 100, max_child=[2]) == [[0], [1]]


def test_a_size_of_one_is_the_root_alone() -> None:
    assert search([[0.5]], 1) == []


@given(
    st.lists(
        st.lists(st.floats(0, 1), min_size=1, max_size=6).map(lambda row: sorted(row)[::-1]),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_every_beginning_of_the_result_is_a_tree(accuracies: list[list[float]], size: int) -> None:
    found = search(accuracies, size)
    for length in range(len(found) + 1):
        assert Tree.from_paths(found[:length]).size == length + 1


@given(
    st.lists(
        st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda row: sorted(row)[::-1]),
        min_size=3,
        max_size=3,
    ),
    st.integers(1, 40),
)
def test_descending_accuracies_give_the_best_of_all_paths(
    accuracies: list[list[float]], size: int
) -> None:
    def product(path: tuple[int, ...]) -> float:
        return math.prod(accuracies[head][rank] for head, rank in enumerate(path))

    every = [path for depth in (1, 2, 3) for path in itertools.product(range(3), repeat=depth)]
    best = sorted(map(product, every), reverse=True)[: size - 1]
    assert sorted((product(tuple(path)) for path in search(accuracies, size)), reverse=True) == best
