"""Trees built from paths: order, positions, mask, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_data import read

from medusa_chat.decoding.drafting import fill
from medusa_chat.decoding.tree import Path, Tree
from medusa_chat.errors import UsageError
from medusa_chat.settings import MAX_TREE_SIZE

BUFFERS: dict[str, Any] = read("medusa/buffers/buffers.json")
REFERENCE_GUESSES = 10


def node_paths(tree: Tree) -> list[list[int]]:
    """Return each leaf's nodes, the last leaf's first: ``retrieve_indices`` unpadded."""
    node_of: dict[Path, int] = {path: node for node, path in enumerate(tree.paths())}
    inner = set(tree.parents.tolist()[1:])
    leaves = [path for path, node in node_of.items() if node not in inner]
    return [
        [node_of[path[:length]] for length in range(len(path) + 1)] for path in reversed(leaves)
    ]


@pytest.mark.parametrize("name", BUFFERS)
def test_equals_the_reference(name: str) -> None:
    expected = BUFFERS[name]
    tree = Tree.from_paths(expected["choices"])
    assert tree.size == expected["n_nodes_without_root"] + 1
    assert tree.max_depth == expected["max_depth"]
    assert tree.depths.tolist() == expected["medusa_position_ids"]
    assert tree.mask.int().tolist() == expected["medusa_attn_mask"]
    assert node_paths(tree) == [
        [node for node in row if node >= 0] for row in expected["retrieve_indices"]
    ]


@pytest.mark.parametrize("name", BUFFERS)
def test_a_node_takes_the_token_that_the_reference_gives_it(name: str) -> None:
    expected = BUFFERS[name]
    tree = Tree.from_paths(expected["choices"])
    # The guesses are their own places in the list that the reference looks tokens up in.
    guesses = torch.arange(1, 1 + tree.max_depth * REFERENCE_GUESSES)
    draft = fill(tree, 0, guesses.view(tree.max_depth, REFERENCE_GUESSES))
    assert draft.tokens.tolist() == expected["tree_indices"]


def test_the_order_of_the_paths_does_not_matter() -> None:
    paths = BUFFERS["mc_sim_7b_63"]["choices"]
    forwards, backwards = Tree.from_paths(paths), Tree.from_paths(paths[::-1])
    assert forwards.paths() == backwards.paths()
    assert torch.equal(forwards.mask, backwards.mask)


def test_paths_are_what_a_tree_was_built_from() -> None:
    paths: list[Path] = [(0,), (2,), (0, 1), (2, 0), (0, 1, 3)]
    assert Tree.from_paths(paths).paths() == [(), *paths]


def test_the_root_alone_is_a_tree() -> None:
    root = Tree.root()
    assert (root.size, root.max_depth) == (1, 0)
    assert root.mask.tolist() == [[True]]
    assert root.paths() == [()]


def test_a_chain_is_one_path() -> None:
    chain = Tree.chain(3)
    assert chain.paths() == [(), (0,), (0, 0), (0, 0, 0)]
    assert torch.equal(chain.mask, torch.ones(4, 4, dtype=torch.bool).tril())


def test_a_rank_above_the_references_guesses_is_a_rank_like_any_other() -> None:
    paths = read("medusa/buffers/edge_cases.json")["index_above_topk"]["choices"]
    tree = Tree.from_paths(paths)
    assert tree.ranks.tolist() == [0, 0, 10]
    assert fill(tree, 7, torch.arange(100, 111)[None]).tokens.tolist() == [7, 100, 110]


@pytest.mark.parametrize(
    ("paths", "value", "advice"),
    [
        ([[0], [0, 0, 0]], "[0, 0, 0]", "add [0, 0]"),
        ([[0], [0], [1]], "[0]", "remove one"),
        ([[0], []], "[]", "ranks from 0"),
        ([[0], [0, -1]], "[0, -1]", "ranks from 0"),
        ([[rank] for rank in range(MAX_TREE_SIZE)], str(MAX_TREE_SIZE + 1), "the most is"),
    ],
)
def test_refuses_an_unusable_path_with_its_value(
    paths: list[list[int]], value: str, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Tree.from_paths(paths)
    assert value in str(caught.value)
    assert advice in str(caught.value)


def test_the_largest_tree_is_accepted() -> None:
    assert Tree.from_paths([[rank] for rank in range(MAX_TREE_SIZE - 1)]).size == MAX_TREE_SIZE


def test_a_subset_keeps_who_sees_whom() -> None:
    whole = Tree.from_paths(BUFFERS["mc_sim_7b_63"]["choices"])
    paths = whole.paths()
    kept = [node for node, path in enumerate(paths) if all(rank < 3 for rank in path)]
    part = whole.subset(torch.tensor(kept))
    assert part.paths() == [paths[node] for node in kept]
    rebuilt = Tree.from_paths(part.paths()[1:])
    assert torch.equal(part.mask, rebuilt.mask)
    assert torch.equal(part.parents, rebuilt.parents)
    assert torch.equal(part.depths, rebuilt.depths)
