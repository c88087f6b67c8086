"""The named trees and trees from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_data import read

from medusa_chat.decoding.presets import best_first, named_paths, presets
from medusa_chat.decoding.tree import Tree
from medusa_chat.errors import UsageError


def test_the_presets_are_the_references() -> None:
    assert presets() == read("medusa/buffers/presets.json")
    assert len(presets()) == 9


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("size", [1, 2, 8, 40, None])
def test_the_beginning_of_a_preset_is_a_tree(name: str, size: int | None) -> None:
    tree = best_first(named_paths(name), size)
    assert tree.size == (size or 64)


def test_a_file_holds_a_list_of_paths(tmp_path: Path) -> None:
    file = tmp_path / "tree.json"
    file.write_text("[[0], [0, 1], [0, 0]]")
    assert Tree.from_paths(named_paths(str(file))).paths() == [(), (0,), (0, 0), (0, 1)]


@pytest.mark.parametrize("text", ["{}", "[0]", "[[true]]", "[[0.5]]", '[["0"]]', "null"])
def test_refuses_a_file_of_something_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tree.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="list of paths"):
        named_paths(str(file))


def test_refuses_a_file_that_is_not_json(tmp_path: Path) -> None:
    file = tmp_path / "tree.json"
    file.write_text("[[0]")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        named_paths(str(file))


def test_an_unknown_name_is_told_the_names() -> None:
    with pytest.raises(UsageError, match=r"'mc_sim'.*mc_sim_7b_63.*zephyr_stage2"):
        named_paths("mc_sim")
