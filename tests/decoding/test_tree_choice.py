"""From the user's words to a tree: what it is drafted from, with heads and without."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.dynamic_tree import DynamicTree, FixedTree
from medusa_chat.decoding.mixed_tree import MixedTree
from medusa_chat.decoding.tree_choice import ChosenTree, choose_tree
from medusa_chat.settings import DecodeSettings, DraftSources

from .driving import CPU


def chosen(
    draft: DraftSources, *, heads: int = 4, checks_trees: bool = True, tree: str = "dynamic"
) -> ChosenTree:
    settings = DecodeSettings(draft=draft, tree=tree, tree_size=16)
    return choose_tree(settings, heads=heads, vocabulary=64, device=CPU, checks_trees=checks_trees)


@pytest.mark.parametrize("heads", [0, 2, 5])
@pytest.mark.parametrize(("draft", "lookup"), [("bigram", False), ("all", True)])
def test_a_mixed_tree_is_grown_from_the_sources_asked_for(
    draft: DraftSources, lookup: bool, heads: int
) -> None:
    shape = chosen(draft, heads=heads).shape
    assert isinstance(shape, MixedTree)
    # Published trees use four heads, however many there are.
    assert (shape.lookup, shape.heads, shape.size) == (lookup, min(heads, 4), 16)


def test_heads_alone_are_a_dynamic_tree() -> None:
    assert isinstance(chosen("heads").shape, DynamicTree)


@pytest.mark.parametrize(
    "arguments",
    [
        {"draft": "heads", "heads": 0},
        {"draft": "all", "heads": 0, "checks_trees": False},
        {"draft": "all", "heads": 0, "tree": "chain"},
        {"draft": "all", "heads": 0, "tree": "mc_sim_7b_63"},
        {"draft": "all", "tree": "root"},
    ],
    ids=str,
)
def test_nothing_to_draft_from_is_the_root_alone(arguments: dict[str, object]) -> None:
    tree = chosen(**arguments)  # type: ignore[arg-type]
    assert (tree.name, tree.shape.depth) == ("root", 0)


@pytest.mark.parametrize("tree", ["chain", "zephyr_stage2"])
def test_a_fixed_tree_is_of_the_heads_alone(tree: str) -> None:
    shape = chosen("all", tree=tree).shape
    assert isinstance(shape, FixedTree)
    assert shape.size == (5 if tree == "chain" else 16)
