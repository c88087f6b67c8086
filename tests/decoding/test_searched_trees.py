"""Searched trees of every size, and the order in which their nodes were found."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.searched_trees import SearchedTrees
from medusa_chat.errors import UsageError

from .driving import CPU

PATHS = [[0], [0, 0], [0, 0, 0], [1], [0, 1], [1, 0]]


def test_the_first_paths_are_the_smaller_trees() -> None:
    trees = SearchedTrees(PATHS, CPU)
    assert (trees.size, trees.depth) == (7, 3)
    assert trees.shape(4).tree.paths() == [(), (0,), (0, 0), (0, 0, 0)]
    assert trees.shape(5).tree.paths() == [(), (0,), (1,), (0, 0), (0, 0, 0)]
    assert trees.shape(5).guesses == 2
    assert trees.shape(1).size == 1
    assert trees.shape(99).size == 7


def test_places_are_those_of_finding() -> None:
    trees = SearchedTrees(PATHS, CPU)
    assert trees.places(5, [0, 1, 2, 3, 4]) == [0, 1, 4, 2, 3]
    # The root, 0, 1, 00, 01, 10, 000.
    assert trees.places(7, [2, 5]) == [4, 6]


def test_paths_without_their_parents_are_refused() -> None:
    with pytest.raises(UsageError, match="no parent"):
        SearchedTrees([[0], [1, 0]], CPU)
