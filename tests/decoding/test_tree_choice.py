"""From the user's words to a tree: what it is drafted from, with heads and without."""

from __future__ import annotations

import pytest

from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.dynamic_tree import BestFirstTree, DynamicTree, FixedTree
from medusa_chat.decoding.experience import Acceptance, Experience, KindExperience
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


@pytest.mark.parametrize("draft", ["heads", "bigram", "all"])
def test_the_automatic_tree_has_every_size_of_what_it_drafts_from(draft: DraftSources) -> None:
    settings = DecodeSettings(draft=draft)
    tree = choose_tree(settings, heads=5, vocabulary=64, device=CPU, checks_trees=True)
    assert tree.name == tree.words == "auto"
    shape = tree.shape
    assert isinstance(shape, AutomaticTree)
    assert shape.learns == (draft != "heads")
    shapes = [shape.grown.shape(size) for size in shape.grown.sizes]
    assert [one.size for one in shapes] == [1, 2, 4, 6, 8, 12, 16]
    assert isinstance(shapes[-1], BestFirstTree if draft == "heads" else MixedTree)
    assert max(one.depth for one in shapes) == shape.depth


def test_relaxed_acceptance_keeps_one_tree() -> None:
    settings = DecodeSettings(acceptance="typical")
    tree = choose_tree(settings, heads=4, vocabulary=64, device=CPU, checks_trees=True)
    assert (tree.name, tree.shape.size) == ("dynamic", 8)


TIMES = KindExperience(dict.fromkeys((1, 2, 4), 1.0), {2: Acceptance(1.5, 50)})


@pytest.mark.parametrize(
    ("paths", "heads", "is_used"),
    [
        ([[0], [0, 0], [1]], 4, True),
        ([], 4, False),
        ([[0], [0, 0], [1]], 1, False),
        ([[0], [99]], 4, False),
        ([[1, 0]], 4, False),
        ([[0], [1], [2], [3], [4], [5]], 4, False),
    ],
    ids=["fit", "none", "too deep", "unknown rank", "damaged", "never timed"],
)
def test_searched_trees_are_taken_where_they_fit(
    paths: list[list[int]], heads: int, is_used: bool
) -> None:
    known = Experience(KindExperience(), TIMES, paths)
    shape = choose_tree(
        DecodeSettings(), heads=heads, vocabulary=64, device=CPU, experience=known
    ).shape
    assert isinstance(shape, AutomaticTree)
    assert (shape.searched is not None) == is_used
    assert shape.experience().paths == (paths if is_used else [])
    if shape.searched is not None:
        assert shape.searched.sizes == (1, 2, 4)
        assert shape.searched.experience() == TIMES
